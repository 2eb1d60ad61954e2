"""One thread with one SQLite connection: work comes by queue, results go back to any event loop as futures."""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

from foreroute.core.errors import StoreCorrupt, StoreError, StoreUnavailable

_T = TypeVar("_T")
Work = Callable[[sqlite3.Connection], _T]
_Job = tuple[Work[Any], "Future[Any]"]

_BUSY_S: Final = 5.0
_WAL_BYTES: Final = 64 * 1024 * 1024
_PRUNED_ROWS: Final = 2000
"""So many rows go in one transaction: appends get their turn in between."""
_CLOSED: Final = "the store is closed"


class Worker:
    """Work is done in the order of its coming, each piece in one transaction that is committed before the answer.

    `before_writing` looks at the file before anything in it is changed, its journal mode included.
    """

    def __init__(self, path: Path, name: str, *, before_writing: Work[None] | None = None) -> None:
        self._path = path
        self._before_writing = before_writing
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        # Between looking at `_closed` and putting a job nobody may close: the job would never be answered.
        self._gate = threading.Lock()
        self._closed = False

    async def start(self, first: Work[_T]) -> _T:
        """Opens the file and does the first piece of work. Raises as `run`, also when the file cannot be opened."""
        done = self._put(first)
        self._thread.start()
        return await asyncio.wrap_future(done)

    async def run(self, work: Work[_T]) -> _T:
        """The result of the work. Raises StoreError, or what the work itself raises."""
        return await asyncio.wrap_future(self._put(work))

    def _put(self, work: Work[_T]) -> "Future[_T]":
        done: Future[_T] = Future()
        with self._gate:
            if self._closed:
                raise StoreUnavailable(_CLOSED)
            self._jobs.put((work, done))
        return done

    async def insert(self, statement: str, values: Sequence[Sequence[object]]) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.executemany(statement, values)  # its cursor must not leave this thread

        if values:
            await self.run(work)

    async def close(self) -> None:
        """Does what is waiting, then ends. May be called again."""
        with self._gate:
            self._closed = True
            self._jobs.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        try:
            connection = self._connect()
        except (sqlite3.Error, StoreError) as error:
            self._refuse(sentence(error, self._path))
            return
        with closing(connection):
            while (job := self._jobs.get()) is not None:
                self._do(connection, *job)

    def _do(self, connection: sqlite3.Connection, work: Work[Any], done: "Future[Any]") -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            connection.execute("BEGIN" if self._before_writing is None else "BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the work
            with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                connection.execute("ROLLBACK")
            done.set_exception(sentence(error, self._path))
        else:
            done.set_result(result)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            for statement in self._settings(connection):
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _settings(self, connection: sqlite3.Connection) -> Iterable[str]:
        if self._before_writing is None:
            return ("PRAGMA query_only = ON",)
        self._before_writing(connection)
        return (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = NORMAL",
            f"PRAGMA journal_size_limit = {_WAL_BYTES}",
        )

    def _refuse(self, error: BaseException) -> None:
        """Answers everything that waits with the error, and lets nothing more in."""
        with self._gate:
            self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None and job[1].set_running_or_notify_cancel():
                    job[1].set_exception(error)


def insert(otherwise: str, table: str, columns: str) -> str:
    """The statement that adds a row, or does otherwise where its key is taken: IGNORE or REPLACE."""
    marks = ",".join("?" for _ in columns.split(","))
    return f"INSERT OR {otherwise} INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - names of the house


async def delete(writer: Worker, table: str, key: str, at: str, before_at: float) -> int:
    """Deletes the rows that are older, some at a time, and returns how many they were."""
    some = f"SELECT {key} FROM {table} WHERE {at} < ? ORDER BY {at} LIMIT {_PRUNED_ROWS}"  # noqa: S608
    statement = f"DELETE FROM {table} WHERE ({key}) IN ({some})"  # noqa: S608
    total = 0
    while gone := await writer.run(lambda db: db.execute(statement, (before_at,)).rowcount):
        total += gone
    return total


def sentence(error: BaseException, path: Path) -> BaseException:
    """SQLite's errors in the words of the house, for a person; any other error as it is."""
    if not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(
            f"{path} is damaged or not a Foreroute database ({error}). Restore it or move it away"
        )
    if (what := _TROUBLES.get(code)) is not None:
        return StoreUnavailable(f"{path} {what} ({error})")
    return StoreError(f"{path}: {error}")


_TROUBLES: Final = {
    sqlite3.SQLITE_BUSY: f"has been locked by another process for {_BUSY_S:.0f} s",
    sqlite3.SQLITE_LOCKED: "is locked",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: is its folder there, and may this user write to it?",
    sqlite3.SQLITE_PERM: "may not be opened by this user",
    sqlite3.SQLITE_READONLY: "cannot be written: check the permissions of the file and of its folder",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
    sqlite3.SQLITE_NOMEM: "needs more memory than there is",
}
