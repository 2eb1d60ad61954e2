"""Virtual keys and what each has spent, in the store's SQLite file."""

import sqlite3
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

from foreroute.core.errors import StoreCorrupt
from foreroute.core.fields import BadField
from foreroute.core.ids import KeyId
from foreroute.core.key_json import key_bytes, read_key, read_team, team_bytes
from foreroute.core.keys import KeyBook, Team, VirtualKey
from foreroute.store.rows import to_usd
from foreroute.store.spans import HOUR_S
from foreroute.store.sqlite_worker import Worker

_T = TypeVar("_T")
_DAY_S: Final = 86_400.0


class SqliteKeys:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def read(self) -> KeyBook:
        return await self._reader.run(_read)

    async def put(self, key: VirtualKey) -> None:
        await self._writer.insert("REPLACE INTO virtual_keys VALUES (?, ?)", [(key.id, key_bytes(key))])

    async def put_team(self, team: Team) -> None:
        await self._writer.insert("REPLACE INTO teams VALUES (?, ?)", [(team.id, team_bytes(team))])


class SqliteKeySpend:
    def __init__(self, reader: Worker) -> None:
        self._reader = reader

    async def spend_by_key(self, *, start_at: float, end_at: float) -> Mapping[KeyId, Decimal]:
        """Whole days and hours come from the running totals, the edges from the rows."""
        return await self._reader.run(lambda db: _spend(db, start_at, end_at))


def _read(db: sqlite3.Connection) -> KeyBook:
    return KeyBook(
        keys=_parsed(db, "SELECT id, body FROM virtual_keys ORDER BY id", read_key),
        teams=_parsed(db, "SELECT id, body FROM teams ORDER BY id", read_team),
    )


def _parsed(db: sqlite3.Connection, query: str, parse: Callable[[bytes], _T]) -> tuple[_T, ...]:
    found = []
    for name, body in db.execute(query):
        try:
            found.append(parse(body))
        except BadField as error:
            path = Path(db.execute("PRAGMA database_list").fetchone()[2])
            raise StoreCorrupt(f"{path}: what is stored as {name!r} cannot be read: {error}") from None
    return tuple(found)


# Sums in two parts, whole micro-dollars and the rest: one of pico-dollars would leave 64 bits at nine million dollars.
_SPEND: Final = """
    SELECT key_id, sum(micro), sum(rest)
    FROM (
        SELECT key_id, micro, rest FROM key_days WHERE day_at >= :first_day AND day_at < :last_day
        UNION ALL
        SELECT key_id, micro, rest FROM key_hours WHERE hour_at >= :first AND hour_at < :first_day
        UNION ALL
        SELECT key_id, micro, rest FROM key_hours WHERE hour_at >= :last_day AND hour_at < :last
        UNION ALL
        SELECT json_extract(attempt, '$.key_id') AS key_id, coalesce(cost_picousd, 0) / 1000000,
            coalesce(cost_picousd, 0) % 1000000
        FROM ledger WHERE started_at >= :start AND started_at < :first
        UNION ALL
        SELECT json_extract(attempt, '$.key_id') AS key_id, coalesce(cost_picousd, 0) / 1000000,
            coalesce(cost_picousd, 0) % 1000000
        FROM ledger WHERE started_at >= :last AND started_at < :end
        UNION ALL
        SELECT key_id, delta_picousd / 1000000, delta_picousd % 1000000
        FROM ledger_corrections WHERE started_at >= :start AND started_at < :first
        UNION ALL
        SELECT key_id, delta_picousd / 1000000, delta_picousd % 1000000
        FROM ledger_corrections WHERE started_at >= :last AND started_at < :end
    ) WHERE key_id IS NOT NULL GROUP BY key_id ORDER BY key_id"""


def _spend(db: sqlite3.Connection, start_at: float, end_at: float) -> dict[KeyId, Decimal]:
    first, last = _whole(HOUR_S, start_at, end_at)
    first_day, last_day = _whole(_DAY_S, first, last)
    wanted = {"start": start_at, "first": first, "first_day": first_day}
    found = db.execute(_SPEND, wanted | {"last_day": last_day, "last": last, "end": end_at})
    return {KeyId(key): to_usd(int(micro) * 1_000_000 + int(rest)) for key, micro, rest in found}


def _whole(step_s: float, start_at: float, end_at: float) -> tuple[float, float]:
    """The part of the window that is whole steps; both its end when there is none."""
    first, last = -(-start_at // step_s) * step_s, end_at // step_s * step_s
    return (first, last) if first < last else (end_at, end_at)
