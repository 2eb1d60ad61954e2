"""SQLite: one file, one writer thread, readers beside it (WAL). The default store.

Every append is one transaction, answered when it is committed. Prepared for being killed at any moment:
what was answered is there afterwards, what was not is there whole or not at all.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

from foreroute.core.errors import StoreCorrupt, StoreError, StoreUnavailable
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import LedgerEntry, Spend
from foreroute.core.ports import Record
from foreroute.core.rollup import Rollup
from foreroute.store import rows
from foreroute.store.memory import Merge, merged

_T = TypeVar("_T")
_Work = Callable[[sqlite3.Connection], Any]
_BUSY_S: Final = 5.0
_HOUR_S: Final = 3600.0


class SqliteStore:
    """All three stores in one file. Open with `await SqliteStore.open(path, merge)`; close with `await close()`."""

    def __init__(self, path: Path, merge: Merge) -> None:
        self._writer = _Worker(path, "foreroute-store-writer", write=True)
        self._reader = _Worker(path, "foreroute-store-reader", write=False)
        self.rollups = SqliteRollups(self._writer, self._reader, merge)
        self.ledger = SqliteLedger(self._writer, self._reader)
        self.records = SqliteRecords(self._writer, self._reader)

    @classmethod
    async def open(cls, path: Path, merge: Merge) -> "SqliteStore":
        """Creates the file if need be and brings its schema up to date.

        Raises StoreUnavailable (cannot be opened or written) or StoreCorrupt (not a database, damaged, or
        written by a newer version), with a sentence for a person.
        """
        store = cls(path, merge)
        try:
            await store._writer.start(_migrate)
            await store._reader.start(_is_readable)
        except StoreError:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()


class SqliteRollups:
    def __init__(self, writer: "_Worker", reader: "_Worker", merge: Merge) -> None:
        self._writer, self._reader, self._merge = writer, reader, merge

    async def append(self, rollups: Sequence[Rollup]) -> None:
        values = [rows.rollup_row(rollup) for rollup in rollups]
        marks = ",".join("?" * 16)
        await self._writer.insert(f"INSERT OR REPLACE INTO rollups VALUES ({marks})", values)  # noqa: S608

    async def read(
        self, *, start_at: float, end_at: float, channels: Sequence[ChannelId] | None = None
    ) -> list[Rollup]:
        query = "SELECT * FROM rollups WHERE window_start >= ? AND window_start < ?"
        wanted: list[Any] = [start_at, end_at]
        if channels is not None:
            query += f" AND channel IN ({','.join('?' * len(channels))})"
            wanted += channels
        query += " ORDER BY window_start, channel, source"
        found = await self._reader.run(lambda db: db.execute(query, wanted).fetchall())
        windows: dict[tuple[float, str], list[Rollup]] = {}
        for row in found:
            windows.setdefault((row[0], row[1]), []).append(rows.rollup_of(row))
        return [merged(sources, self._merge) for sources in windows.values()]

    async def prune(self, before_at: float) -> int:
        return await self._writer.run(
            lambda db: db.execute("DELETE FROM rollups WHERE window_start < ?", (before_at,)).rowcount
        )


class SqliteLedger:
    def __init__(self, writer: "_Worker", reader: "_Worker") -> None:
        self._writer, self._reader = writer, reader

    async def append(self, entries: Sequence[LedgerEntry]) -> None:
        values = [rows.ledger_row(entry) for entry in entries]
        await self._writer.insert("INSERT OR IGNORE INTO ledger VALUES (?,?,?,?,?,?,?,?,?)", values)

    async def spend(self, *, start_at: float, end_at: float) -> Mapping[ChannelId, Spend]:
        """Whole hours come from the running totals, the edges from the rows."""
        found = await self._reader.run(lambda db: _spend_rows(db, start_at, end_at))
        return {
            ChannelId(channel): Spend(
                attempts=attempts,
                cost_usd=rows.to_usd(cost),
                unpriced_attempts=unpriced,
                input_tokens=tokens_in,
                output_tokens=tokens_out,
            )
            for channel, attempts, cost, unpriced, tokens_in, tokens_out in found
        }

    async def request(self, request_id: str) -> list[LedgerEntry]:
        query = "SELECT * FROM ledger WHERE request_id = ? ORDER BY number"
        found = await self._reader.run(lambda db: db.execute(query, (request_id,)).fetchall())
        return [rows.entry_of(row) for row in found]


def _spend_rows(db: sqlite3.Connection, start_at: float, end_at: float) -> list[Any]:
    first = -(-start_at // _HOUR_S) * _HOUR_S
    last = end_at // _HOUR_S * _HOUR_S
    if first >= last:
        first = last = end_at
    edges = "SELECT channel, 1 AS n, coalesce(cost_picousd, 0) AS cost, cost_picousd IS NULL AS unpriced, \
        input_tokens, output_tokens FROM ledger WHERE started_at >= ? AND started_at < ?"
    query = f"""
        SELECT channel, sum(n), sum(cost), sum(unpriced), sum(input_tokens), sum(output_tokens) FROM (
            SELECT channel, attempts AS n, cost_picousd AS cost, unpriced_attempts AS unpriced,
                input_tokens, output_tokens FROM spend_hours WHERE hour_at >= ? AND hour_at < ?
            UNION ALL {edges} UNION ALL {edges}
        ) GROUP BY channel ORDER BY channel"""  # noqa: S608 - no value of a user is in the text
    return db.execute(query, (first, last, start_at, first, last, end_at)).fetchall()


class SqliteRecords:
    def __init__(self, writer: "_Worker", reader: "_Worker") -> None:
        self._writer, self._reader = writer, reader

    async def append(self, records: Sequence[Record]) -> None:
        values = [(record.kind, record.id, record.at, record.body) for record in records]
        await self._writer.insert("INSERT OR REPLACE INTO records VALUES (?,?,?,?)", values)

    async def read(self, kind: str, *, since_at: float = 0.0, limit: int = 1000) -> list[Record]:
        query = "SELECT kind, id, at, body FROM records WHERE kind = ? AND at >= ? ORDER BY at DESC, id DESC LIMIT ?"
        found = await self._reader.run(
            lambda db: db.execute(query, (kind, since_at, max(0, limit))).fetchall()
        )
        return [Record(kind=row[0], id=row[1], at=row[2], body=row[3]) for row in reversed(found)]

    async def prune(self, before_at: float) -> int:
        return await self._writer.run(
            lambda db: db.execute("DELETE FROM records WHERE at < ?", (before_at,)).rowcount
        )


class _Worker:
    """A thread with a connection of its own. Work is done in the order of its coming, each in one transaction."""

    def __init__(self, path: Path, name: str, *, write: bool) -> None:
        self._path = path
        self._write = write
        self._jobs: queue.SimpleQueue[tuple[_Work, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._closed = False

    async def start(self, first: _Work) -> None:
        done: Future[Any] = Future()
        self._jobs.put((first, done))
        self._thread.start()
        await asyncio.wrap_future(done)

    async def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        done: Future[_T] = Future()
        self._jobs.put((work, done))
        if not self._thread.is_alive():  # it ended between the check and the put: nobody else will answer
            self._refuse(StoreUnavailable("the store is closed"))
        return await asyncio.wrap_future(done)

    async def insert(self, statement: str, values: Sequence[rows.Row]) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.executemany(statement, values)  # its cursor must not leave this thread

        if values:
            await self.run(work)

    async def close(self) -> None:
        self._closed = True
        if self._thread.is_alive():
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        try:
            connection = self._connect()
        except sqlite3.Error as error:
            self._refuse(_sentence(error, self._path))
            return
        with closing(connection):
            while (job := self._jobs.get()) is not None:
                self._do(connection, *job)
        self._refuse(StoreUnavailable("the store is closed"))

    def _do(self, connection: sqlite3.Connection, work: _Work, done: "Future[Any]") -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            connection.execute("BEGIN IMMEDIATE" if self._write else "BEGIN")
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the work
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            done.set_exception(_sentence(error, self._path) if isinstance(error, sqlite3.Error) else error)
        else:
            done.set_result(result)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            if self._write:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
            else:
                connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _refuse(self, error: StoreError) -> None:
        """Answers everything that waits, and whatever still comes, with the error."""
        self._closed = True
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job[1].set_exception(error)


def _is_readable(db: sqlite3.Connection) -> None:
    db.execute("SELECT count(*) FROM records WHERE kind = ''")


def _migrate(db: sqlite3.Connection) -> None:
    """Applies the numbered scripts that this database has not seen, in one transaction with its version."""
    scripts = sorted(
        (
            file
            for file in resources.files("foreroute.store").joinpath("migrations").iterdir()
            if file.name[0].isdigit()
        ),
        key=lambda file: file.name,
    )
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(scripts):
        raise StoreCorrupt(
            f"the database has schema {version}, this version of Foreroute knows {len(scripts)}: "
            "it was written by a newer one. Upgrade Foreroute, or choose another file with store.path"
        )
    for number, script in enumerate(scripts[version:], start=version + 1):
        for statement in _statements(script.read_text(encoding="utf-8")):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> list[str]:
    """The script's statements one by one: `executescript` would commit in between."""
    statements, lines = [], ""
    for line in script.splitlines(keepends=True):
        lines += line
        if sqlite3.complete_statement(lines):
            statements.append(lines)
            lines = ""
    return statements


def _sentence(error: sqlite3.Error, path: Path) -> StoreError:
    text = str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(
            f"{path} is damaged or not a Foreroute database ({text}). Restore it or move it away"
        )
    return StoreUnavailable(f"{path}: {text}")
