"""Rollups that a server has not taken yet, in the store's SQLite file: bounded, in order, and there after a crash.

They are written in the same transaction as the ledger's rows, so a run that is killed leaves neither without the other.
A rollup that comes again before it was sent takes its older version's place, at the end of the line.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.store import rows
from foreroute.store.sqlite_worker import Worker

_ROW: Final = rows.ROLLUP_COLUMNS
_NAMES: Final = tuple(name.strip() for name in _ROW.split(","))
_ROW_BYTES: Final = 400
"""What a row takes beside its sketches, about."""
_DROPPED_AT_ONCE: Final = 200
_TABLES: Final = (
    f"""CREATE TABLE IF NOT EXISTS outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, bytes INTEGER NOT NULL, {_ROW},
        UNIQUE (window_start, channel, segment, source))""",
    """CREATE TABLE IF NOT EXISTS outbox_sum (
        id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL, rows INTEGER NOT NULL, dropped INTEGER NOT NULL)""",
    "INSERT OR IGNORE INTO outbox_sum VALUES (1, 0, 0, 0)",
    """CREATE TRIGGER IF NOT EXISTS outbox_in AFTER INSERT ON outbox BEGIN
        UPDATE outbox_sum SET bytes = bytes + NEW.bytes, rows = rows + 1; END""",
    """CREATE TRIGGER IF NOT EXISTS outbox_out AFTER DELETE ON outbox BEGIN
        UPDATE outbox_sum SET bytes = bytes - OLD.bytes, rows = rows - 1; END""",
)
_PUT: Final = f"INSERT INTO outbox (bytes, {_ROW}) VALUES ({','.join('?' * (len(_NAMES) + 1))})"  # noqa: S608
_FORGET: Final = "DELETE FROM outbox WHERE window_start = ? AND channel = ? AND segment = ? AND source = ?"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits, and what had to go because there was no room for it (since the file was made)."""

    rollups: int = 0
    bytes: int = 0
    dropped: int = 0


class Outbox:
    """Reads and writes by the workers of a store that is open."""

    def __init__(self, writer: Worker, reader: Worker, *, bytes_max: int) -> None:
        self._writer, self._reader, self._bytes_max = writer, reader, bytes_max

    async def open(self) -> Waiting:
        def work(db: sqlite3.Connection) -> None:
            for statement in _TABLES:
                db.execute(statement)

        await self._writer.run(work)
        return await self.size()

    def putting(self, rollups: Sequence[Rollup]) -> Callable[[sqlite3.Connection], None]:
        """The work of an append, to be done inside a transaction. Where there is no room the oldest go, and count."""
        made = [(_bytes(rollup), *rows.rollup_row(rollup)) for rollup in rollups]
        keys = [(one.window_start, one.channel, one.segment, one.source) for one in rollups]

        def work(db: sqlite3.Connection) -> None:
            for key, row in zip(keys, made, strict=True):
                db.execute(_FORGET, key)  # not REPLACE: that would not tell the triggers
                db.execute(_PUT, row)
            _make_room(db, self._bytes_max)

        return work

    async def put(self, rollups: Sequence[Rollup]) -> None:
        if rollups:
            await self._writer.run(self.putting(rollups))

    async def size(self) -> Waiting:
        query = "SELECT rows, bytes, dropped FROM outbox_sum"
        return await self._reader.run(lambda db: Waiting(*db.execute(query).fetchone()))

    async def first(self, limit: int) -> list[tuple[int, Rollup]]:
        """The oldest by the order of their coming, each with its number."""
        query = f"SELECT id, {_ROW} FROM outbox ORDER BY id LIMIT ?"  # noqa: S608
        return await self._reader.run(
            lambda db: [(row[0], rows.rollup_of(row[1:])) for row in db.execute(query, (limit,))]
        )

    async def remove(self, numbers: Sequence[int]) -> None:
        """A rollup that has come again meanwhile has another number: its newer version stays."""
        gone = [(number,) for number in numbers]
        await self._writer.insert("DELETE FROM outbox WHERE id = ?", gone)

    async def between(
        self, start_at: float, end_at: float, channels: Sequence[ChannelId] | None, segment: str
    ) -> list[Rollup]:
        """Those with start_at ≤ window_start < end_at, in the order of their coming."""
        which, names = "", list[ChannelId]()
        if channels is not None:
            which, names = f" AND channel IN ({','.join('?' * len(channels))})", list(channels)
        query = (
            f"SELECT {_ROW} FROM outbox "  # noqa: S608
            f"WHERE window_start >= ? AND window_start < ? AND segment = ?{which} ORDER BY id"
        )
        wanted = (start_at, end_at, segment, *names)
        return await self._reader.run(lambda db: [rows.rollup_of(row) for row in db.execute(query, wanted)])

    async def prune(self, before_at: float) -> int:
        query = "DELETE FROM outbox WHERE window_start < ?"
        return await self._writer.run(lambda db: db.execute(query, (before_at,)).rowcount)


def _make_room(db: sqlite3.Connection, bytes_max: int) -> None:
    some = "SELECT id FROM outbox ORDER BY id LIMIT ?"
    while True:
        (taken,) = db.execute("SELECT bytes FROM outbox_sum").fetchone()
        if taken <= bytes_max:
            return
        gone = db.execute(f"DELETE FROM outbox WHERE id IN ({some})", (_DROPPED_AT_ONCE,)).rowcount  # noqa: S608
        db.execute("UPDATE outbox_sum SET dropped = dropped + ?", (gone,))
        if not gone:
            return


def _bytes(rollup: Rollup) -> int:
    return _ROW_BYTES + len(rollup.latency.sketch) + len(rollup.first_chunk.sketch)
