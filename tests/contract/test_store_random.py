"""Whatever is done to a store, SQLite and InfluxDB answer as memory does.

Seeded chance rather than hypothesis: its small examples leave the stores almost empty, where all stores agree.
"""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.influx_house import Server, opened

from foreroute.core.ids import ChannelId
from foreroute.core.ledger import LedgerEntry
from foreroute.core.ports import Record, Store
from foreroute.core.rollup import Rollup, Tiers
from foreroute.monitor.fold import merge_rollups
from foreroute.store.influx import InfluxStore
from foreroute.store.memory import MemoryStore
from foreroute.store.sqlite import SqliteStore
from foreroute.testing.check_store import a_rollup, an_entry

# Few values, so that operations meet: on the same keys, at the edges of hours and just beside them.
INSTANTS = [0.0, 60.0, 1800.0, 3599.9999999999995, 3600.0, 3600.5, 7199.0, 7200.0, 10800.0, 86400.00000000001]
CHANNELS = [ChannelId("a"), ChannelId("b"), ChannelId("ü 'quoted' \"name\"")]
COSTS = [None, Decimal(0), Decimal("0.000000000001"), Decimal("1.999999999999"), Decimal(700_000)]


class Chance:
    """Random operations on a store, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)

    def entries(self) -> list[LedgerEntry]:
        return [self._entry() for _ in range(self._rng.randrange(6))]

    def rollups(self) -> list[Rollup]:
        return [self._rollup() for _ in range(self._rng.randrange(6))]

    def records(self) -> list[Record]:
        return [self._record() for _ in range(self._rng.randrange(6))]

    def operation(self) -> tuple[str, str, dict[str, Any], list[Any]]:
        """(part, method, named arguments, other arguments)"""
        one, other = self._rng.choice(INSTANTS), self._rng.choice(INSTANTS)
        channels = self._rng.choice([None, [], CHANNELS[:1], CHANNELS[1:]])
        operations: list[tuple[str, str, dict[str, Any], list[Any]]] = [
            ("ledger", "append", {}, [self.entries()]),
            ("ledger", "append", {}, [self.entries()]),
            ("rollups", "append", {}, [self.rollups()]),
            ("records", "append", {}, [self.records()]),
            ("ledger", "spend", {"start_at": one, "end_at": other}, []),
            ("ledger", "spend", {"start_at": min(one, other), "end_at": max(one, other)}, []),
            ("ledger", "request", {}, [self._name()]),
            ("rollups", "read", {"start_at": one, "end_at": other, "channels": channels}, []),
            ("records", "read", {"since_at": one, "limit": self._rng.randrange(6)}, [self._kind()]),
            (self._rng.choice(["ledger", "rollups", "records"]), "prune", {}, [one]),
            ("rollups", "thin", {}, [self._tiers()]),
        ]
        return self._rng.choice(operations)

    def _tiers(self) -> Tiers:
        hours_at, pack_at = sorted(self._rng.choice([*INSTANTS, 14400.0, 30000.0]) for _ in range(2))
        days_at = self._rng.choice([0.0, 0.0, 86400.0])
        return Tiers(pack_at=pack_at, hours_at=max(hours_at, days_at), days_at=days_at, gone_at=0.0)

    def _entry(self) -> LedgerEntry:
        channel, cost = self._rng.choice(CHANNELS), self._rng.choice(COSTS)
        at = self._rng.choice(INSTANTS)
        entry = an_entry(self._rng.randrange(1, 9), request=self._name(), channel=channel, at=at)
        return replace(entry, attempt=replace(entry.attempt, cost_usd=cost), cost_usd=cost)

    def _rollup(self) -> Rollup:
        source = self._rng.choice(["run", "run~2", "later"])
        at, many = self._rng.choice(INSTANTS), self._rng.randrange(1, 5)
        rollup = a_rollup(self._rng.choice(CHANNELS), at, source=source, attempts=many)
        return replace(rollup, segment=self._rng.choice(["", "", "", "route=chat"]))

    def _record(self) -> Record:
        name, at = str(self._rng.randrange(20)), self._rng.choice(INSTANTS)
        return Record(kind=self._kind(), id=name, at=at, body=self._rng.randbytes(3))

    def _kind(self) -> str:
        return self._rng.choice(["decision", "tick"])

    def _name(self) -> str:
        return self._rng.choice("uvwxyz")


async def thin(store: Store, tiers: Tiers) -> None:
    """All of it, in however many steps."""
    while await store.rollups.thin(tiers):
        pass


async def everything(store: Store) -> list[Any]:
    return [
        await store.rollups.read(start_at=0.0, end_at=1e12),
        await store.rollups.read(start_at=0.0, end_at=1e12, segment="route=chat"),
        await store.ledger.spend(start_at=0.0, end_at=1e12),
        *[await store.ledger.request(name) for name in "uvwxyz"],
        *[await store.records.read(kind) for kind in ("decision", "tick")],
    ]


async def play(chance: Chance, memory: Store, other: Store, *, flushed: bool = False) -> None:
    for _ in range(120):
        part, method, named, others = chance.operation()
        if method == "thin":
            await thin(other, *others)
            await thin(memory, *others)
            continue
        answers = [await getattr(getattr(store, part), method)(*others, **named) for store in (other, memory)]
        if isinstance(other, InfluxStore) and method == "append" and flushed:
            assert await other.flush()
        if (part, method) != ("rollups", "prune"):  # what is packed and has come again counts twice there
            assert answers[0] == answers[1], (part, method, named, others)
    assert await everything(other) == await everything(memory)


@pytest.mark.parametrize("seed", range(12))
async def test_sqlite_answers_as_memory_does_also_after_reopening(seed: int, tmp_path: Path) -> None:
    chance, memory, path = Chance(seed), MemoryStore(merge_rollups), tmp_path / "store.db"
    for _ in range(2):
        sqlite = await SqliteStore.open(path, merge_rollups)
        try:
            await play(chance, memory, sqlite)
        finally:
            await sqlite.close()


@pytest.mark.service("influxdb")
@pytest.mark.parametrize("seed", range(12))
async def test_influxdb_answers_as_memory_does_also_after_reopening(
    seed: int, tmp_path: Path, influxdb: Server
) -> None:
    chance, memory, path = Chance(seed), MemoryStore(merge_rollups), tmp_path / "store.db"
    database = influxdb.fresh(f"random{seed}")
    for _ in range(2):
        store = await opened(path, influxdb.url, database)
        try:
            await play(chance, memory, store, flushed=True)
        finally:
            await store.close()
