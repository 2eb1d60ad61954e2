"""InfluxDB for the minutes, hours and days of channels; all else beside it in SQLite. And SQLite with a mirror of them.

The rollups of an append are in SQLite's outbox when it is answered, in one transaction with the ledger's rows; the
shipper carries them to the server. Nothing that steers or serves waits for InfluxDB.
"""

import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from foreroute.core.ledger import LedgerEntry
from foreroute.core.ports import KeptRollups
from foreroute.core.rollup import Rollup
from foreroute.store.influx_http import Address, InfluxServer
from foreroute.store.influx_mirror import MirroredRollups
from foreroute.store.influx_outbox import Outbox
from foreroute.store.influx_rollups import InfluxRollups
from foreroute.store.influx_shipper import Shipper, Shipping, ShippingState, Ways
from foreroute.store.influx_tables import Tables
from foreroute.store.spans import Merge
from foreroute.store.sqlite import SqliteStore

_log: Final = logging.getLogger("foreroute.store")


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxOptions:
    """What there is to choose of an InfluxDB, or of a mirror."""

    address: Address
    measurement: str = "foreroute"
    """The measurements' names begin so."""
    spill_max_bytes: int = 1_000_000_000
    keep_s: float = 0.0
    """How long the server should keep what it has; 0: no matter. A retention policy that is shorter is told of."""
    deletes: bool | None = None
    """Whether the server can be trusted with deletes; None: 2.x can, no other. An InfluxDB 1.x whose index is in memory
    (`inmem`) loses points that were not asked for: with `index-version = "tsi1"` it does not.
    """
    shipping: Shipping = field(default_factory=Shipping)
    chance: Random | None = None
    """For the pauses between tries."""


class InfluxStore:
    """Open with `await InfluxStore.open(...)`, on the event loop that uses it; close with `await close()`."""

    def __init__(self, local: SqliteStore, server: InfluxServer, path: Path, parts: "_Parts") -> None:
        self._local, self._server, self._path = local, server, path
        self._outbox, self.shipper = parts.outbox, parts.shipper
        self.rollups: KeptRollups = parts.rollups
        self._also = parts.also
        self.ledger, self.records, self.keys = local.ledger, local.records, local.keys
        self.key_spend, self.experiments, self.costs = local.key_spend, local.experiments, local.costs
        self.budgets, self.playbook_runs = local.budgets, local.playbook_runs
        self.cost_record, self.incidents = local.cost_record, local.incidents

    @classmethod
    async def open(cls, path: Path, merge: Merge, options: InfluxOptions) -> "InfluxStore":
        """Raises StoreUnavailable or StoreCorrupt for the file, as `SqliteStore.open`. The server need not be there."""
        local = await SqliteStore.open(path, merge)
        try:
            server = InfluxServer(options.address)
            outbox = Outbox(*local.workers, bytes_max=options.spill_max_bytes)
            rollups = InfluxRollups(Tables(server, options.measurement), outbox, merge)
            reception = _Reception(server, options)
            rollups.may_forget = reception.may_forget
            shipper = _shipper(path, outbox, options, _greeted(reception, rollups.send), reception.probe)
            rollups.shipper = shipper
            store = cls(local, server, path, _Parts(outbox, shipper, rollups, _nothing))
            await shipper.start()
        except BaseException:
            await local.close()
            raise
        return store

    @classmethod
    async def mirror(cls, path: Path, merge: Merge, options: InfluxOptions) -> "InfluxStore":
        """All is kept in SQLite, and the numbers of every rollup go to the server as well: InfluxDB, VictoriaMetrics."""
        local = await SqliteStore.open(path, merge)
        try:
            server = InfluxServer(options.address)
            outbox = Outbox(*local.workers, bytes_max=options.spill_max_bytes)
            mirrored = MirroredRollups(local.rollups, outbox, server, options.measurement)
            shipper = _shipper(path, outbox, options, mirrored.send, mirrored.probe)
            mirrored.shipper = shipper
            store = cls(local, server, path, _Parts(outbox, shipper, mirrored, local.rollups.putting))
            await shipper.start()
        except BaseException:
            await local.close()
            raise
        return store

    @property
    def shipping(self) -> ShippingState:
        return self.shipper.state

    async def append(self, entries: Sequence[LedgerEntry], rollups: Sequence[Rollup]) -> None:
        put, also = self._outbox.putting(rollups), self._also(rollups)

        def work(db: sqlite3.Connection) -> None:
            also(db)
            put(db)

        await self._local.append_with(entries, work)
        if rollups:
            await self.shipper.told()

    async def flush(self) -> bool:
        """Ships what waits; whether all of it is at the server now."""
        return await self.shipper.flush()

    async def close(self) -> None:
        """Ships what waits if the server is there; the rest stays in the file, for the next run."""
        await self.shipper.flush()
        await self.shipper.close()
        await self._server.close()
        await self._local.close()


@dataclass(frozen=True, slots=True)
class _Parts:
    outbox: Outbox
    shipper: Shipper
    rollups: KeptRollups
    also: Callable[[Sequence[Rollup]], Callable[[sqlite3.Connection], None]]
    """What else an append does in its transaction."""


class _Reception:
    """The first words with a server: which one it is, and whether it keeps what it is given for long enough."""

    def __init__(self, server: InfluxServer, options: InfluxOptions) -> None:
        self._server, self._options = server, options
        self._is_known = False
        self._can_forget = False

    async def probe(self) -> None:
        await self._server.query("SHOW MEASUREMENTS LIMIT 1")

    async def may_forget(self) -> bool:
        """Whether this server's deletes can be trusted. Raises InfluxError while nobody knows."""
        await self.greet()
        return self._can_forget

    async def greet(self) -> None:
        """Raises InfluxError."""
        if self._is_known:
            return
        version = (await self._server.version()).lstrip("v")
        wanted = self._options.deletes
        self._can_forget = (
            version.startswith("2.") if wanted is None else wanted and not version.startswith("3")
        )
        if not self._can_forget:
            why = MAY_LOSE if version.startswith("1.") else NEVER_FORGETS
            _log.warning("rollups_stay", extra={"why": why, "version": version})
        if version.startswith("1.") and self._options.keep_s:
            what = await short_policy(self._server, self._options.keep_s)
            if what:
                _log.warning("retention_is_short", extra={"why": what})
        self._is_known = True


NEVER_FORGETS: Final = (
    "InfluxDB 3 deletes no single points: minutes stay minutes until the retention of its database ends"
)
MAY_LOSE: Final = (
    'InfluxDB 1.x with its index in memory loses points when others are deleted: minutes stay minutes. Set index-version = "tsi1" '
    "in its section [data], then store.influxdb.deletes: true"
)


async def short_policy(server: InfluxServer, keep_s: float) -> str | None:
    """What is wrong with the retention policy that is written to, on 1.x. Raises InfluxError."""
    address = server.address
    (found,) = await server.query(f'SHOW RETENTION POLICIES ON "{address.database}"')
    for one in found:
        for values in one.get("values", ()):
            policy = dict(zip(one["columns"], values, strict=True))
            mine = address.retention_policy
            if policy["default"] if mine is None else policy["name"] == mine:
                kept_s = _go_seconds(policy["duration"])
                if 0 < kept_s < keep_s:
                    return (
                        f"the retention policy {policy['name']} of {address.database} keeps {policy['duration']}, less than "
                        f"store.keep.days ({keep_s / 86400:g}d): older hours and days are lost. "
                        f'ALTER RETENTION POLICY "{policy["name"]}" ON "{address.database}" DURATION {keep_s / 86400:.0f}d'
                    )
    return None


def _go_seconds(duration: str) -> float:
    """`168h0m0s` as the server writes it."""
    total, number = 0.0, ""
    for sign in duration:
        if sign in "hms":
            total += float(number or 0) * {"h": 3600.0, "m": 60.0, "s": 1.0}[sign]
            number = ""
        else:
            number += sign
    return total


_Send = Callable[[Sequence[Rollup]], Awaitable[None]]


def _greeted(reception: _Reception, send: _Send) -> _Send:
    async def work(rollups: Sequence[Rollup]) -> None:
        await reception.greet()
        await send(rollups)

    return work


def _shipper(
    path: Path, outbox: Outbox, options: InfluxOptions, send: _Send, probe: Callable[[], Awaitable[None]]
) -> Shipper:
    lock = path.with_name(f"{path.name}.shipping")
    ways = Ways(send=send, probe=probe, lock=lock, chance=options.chance or Random())
    return Shipper(outbox, options.shipping, ways)


def _nothing(_: Sequence[Rollup]) -> Callable[[sqlite3.Connection], None]:
    return lambda _: None
