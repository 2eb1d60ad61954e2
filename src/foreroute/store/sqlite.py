"""SQLite: one file, one writer thread, readers beside it (WAL). The default store.

Every append is one transaction, answered when it is committed. Prepared for being killed at any moment:
what was answered is there afterwards, what was not is there whole or not at all. A power cut may cost the
last seconds, never the file (`synchronous = NORMAL`).
"""

import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from foreroute.core.attempt import Attempt
from foreroute.core.ids import REQUEST_ID_JOINT, ChannelId
from foreroute.core.ledger import LedgerEntry, Spend
from foreroute.core.ports import Record
from foreroute.core.rollup import Rollup
from foreroute.store import rows
from foreroute.store.memory import newest_request
from foreroute.store.spans import HOUR_S, Merge
from foreroute.store.sqlite_budgets import SqliteBudgets
from foreroute.store.sqlite_cost_record import SqliteCostRecord
from foreroute.store.sqlite_costs import SqliteCosts, corrected
from foreroute.store.sqlite_experiments import SqliteExperiments
from foreroute.store.sqlite_incidents import SqliteIncidents
from foreroute.store.sqlite_keys import SqliteKeys, SqliteKeySpend
from foreroute.store.sqlite_playbooks import SqliteRunJournal
from foreroute.store.sqlite_rollups import SqliteRollups
from foreroute.store.sqlite_schema import check_owner, check_pages, check_small, migrate
from foreroute.store.sqlite_worker import Worker, delete, insert


class SqliteStore:
    """All stores in one file. Open with `await SqliteStore.open(path, merge)`; close with `await close()`."""

    def __init__(self, path: Path, merge: Merge) -> None:
        self._writer = Worker(path, "foreroute-store-writer", before_writing=check_owner)
        self._reader = Worker(path, "foreroute-store-reader")
        self.rollups = SqliteRollups(self._writer, self._reader, merge)
        self.ledger = SqliteLedger(self._writer, self._reader)
        self.records = SqliteRecords(self._writer, self._reader)
        self.keys = SqliteKeys(self._writer, self._reader)
        self.key_spend = SqliteKeySpend(self._reader)
        self.experiments = SqliteExperiments(self._writer, self._reader)
        self.costs = SqliteCosts(self._writer, self._reader)
        self.budgets = SqliteBudgets(self._writer, self._reader)
        self.playbook_runs = SqliteRunJournal(self._writer, self._reader)
        self.cost_record = SqliteCostRecord(self._writer, self._reader)
        self.incidents = SqliteIncidents(self._writer, self._reader)

    @classmethod
    async def open(cls, path: Path, merge: Merge) -> "SqliteStore":
        """Creates the file if need be and brings its schema up to date.

        Raises StoreUnavailable (cannot be opened or written) or StoreCorrupt (not a database, damaged, another
        program's, or written by a newer version), with a sentence for a person. Changes no file that is not ours.
        """
        store = cls(path, merge)
        try:
            await store._writer.start(migrate)
            await store._reader.start(check_small)
        except BaseException:
            await store.close()
            raise
        return store

    async def check(self) -> None:
        """Reads the whole file, also a large one that `open` did not. Raises StoreCorrupt if it is damaged."""
        await self._reader.run(check_pages)

    @property
    def workers(self) -> tuple[Worker, Worker]:
        """The writer and the reader, for what else is kept in the same file."""
        return self._writer, self._reader

    async def append(self, entries: Sequence[LedgerEntry], rollups: Sequence[Rollup]) -> None:
        await self.append_with(entries, self.rollups.putting(rollups))

    async def append_with(
        self, entries: Sequence[LedgerEntry], put: Callable[[sqlite3.Connection], None]
    ) -> None:
        """The entries, and whatever else belongs into the same transaction."""
        ledger = [rows.ledger_row(entry) for entry in entries]

        def work(db: sqlite3.Connection) -> None:
            db.executemany(insert("IGNORE", "ledger", rows.LEDGER_COLUMNS), ledger)
            put(db)

        await self._writer.run(work)

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()


class SqliteLedger:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def append(self, entries: Sequence[LedgerEntry]) -> None:
        statement = insert("IGNORE", "ledger", rows.LEDGER_COLUMNS)
        await self._writer.insert(statement, [rows.ledger_row(entry) for entry in entries])

    async def spend(self, *, start_at: float, end_at: float) -> Mapping[ChannelId, Spend]:
        """Whole hours come from the running totals, the edges from the rows."""
        return await self._reader.run(lambda db: _spend(db, start_at, end_at))

    async def request(self, request_id: str) -> list[LedgerEntry]:
        query = (
            f"SELECT {rows.LEDGER_COLUMNS} FROM ledger WHERE request_id = ? "  # noqa: S608
            "OR (request_id >= ? AND request_id < ?) ORDER BY number"
        )
        start = request_id + REQUEST_ID_JOINT
        wanted = (request_id, start, start[:-1] + chr(ord(REQUEST_ID_JOINT) + 1))
        return await self._reader.run(
            lambda db: newest_request(
                [corrected(db, rows.entry_of(row)) for row in db.execute(query, wanted).fetchall()]
            )
        )

    async def missing(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        query = "SELECT 1 FROM ledger WHERE request_id = ? AND number = ?"

        def work(db: sqlite3.Connection) -> list[Attempt]:
            return [
                one for one in attempts if db.execute(query, (one.request_id, one.number)).fetchone() is None
            ]

        return await self._reader.run(work)

    async def entries(self, *, start_at: float, end_at: float) -> list[LedgerEntry]:
        query = (
            f"SELECT {rows.LEDGER_COLUMNS} FROM ledger WHERE started_at >= ? AND started_at < ? "  # noqa: S608
            "ORDER BY started_at"
        )
        return await self._reader.run(
            lambda db: [rows.entry_of(row) for row in db.execute(query, (start_at, end_at))]
        )

    async def prune(self, before_at: float) -> int:
        until = before_at // HOUR_S * HOUR_S
        await delete(self._writer, "ledger_corrections", "id", "started_at", until)
        return await delete(self._writer, "ledger", "rowid", "started_at", until)


class SqliteRecords:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def append(self, records: Sequence[Record]) -> None:
        statement = insert("REPLACE", "records", rows.RECORD_COLUMNS)
        await self._writer.insert(statement, [rows.record_row(record) for record in records])

    async def read(
        self, kind: str, *, since_at: float = 0.0, until_at: float = math.inf, limit: int = 1000
    ) -> list[Record]:
        query = f"SELECT {rows.RECORD_COLUMNS} FROM records WHERE kind = ? AND at >= ? AND at < ? \
            ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608
        wanted = (kind, since_at, until_at, max(0, limit))
        newest = await self._reader.run(lambda db: [rows.record_of(row) for row in db.execute(query, wanted)])
        return newest[::-1]

    async def prune(self, before_at: float) -> int:
        return await delete(self._writer, "records", "kind, id", "at", before_at)


# Sums in two parts, whole micro-dollars and the rest: a sum of pico-dollars would leave 64 bits at nine million dollars.
_SPEND: Final = """
    SELECT channel, sum(n), sum(cost / 1000000), sum(cost % 1000000), sum(unpriced), sum(tokens_in), sum(tokens_out)
    FROM (
        SELECT channel, attempts AS n, cost_picousd AS cost, unpriced_attempts AS unpriced,
            input_tokens AS tokens_in, output_tokens AS tokens_out
        FROM spend_hours WHERE hour_at >= :first AND hour_at < :last
        UNION ALL
        SELECT channel, 1, coalesce(cost_picousd, 0), cost_picousd IS NULL, input_tokens, output_tokens
        FROM ledger WHERE started_at >= :start AND started_at < :first
        UNION ALL
        SELECT channel, 1, coalesce(cost_picousd, 0), cost_picousd IS NULL, input_tokens, output_tokens
        FROM ledger WHERE started_at >= :last AND started_at < :end
        UNION ALL
        SELECT channel, 0, delta_picousd, delta_unpriced, 0, 0
        FROM ledger_corrections WHERE started_at >= :start AND started_at < :first
        UNION ALL
        SELECT channel, 0, delta_picousd, delta_unpriced, 0, 0
        FROM ledger_corrections WHERE started_at >= :last AND started_at < :end
    ) GROUP BY channel ORDER BY channel"""


def _spend(db: sqlite3.Connection, start_at: float, end_at: float) -> dict[ChannelId, Spend]:
    first = -(-start_at // HOUR_S) * HOUR_S
    last = end_at // HOUR_S * HOUR_S
    if first >= last:
        first = last = end_at
    found = db.execute(_SPEND, {"start": start_at, "first": first, "last": last, "end": end_at})
    return {
        ChannelId(channel): Spend(
            attempts=attempts,
            cost_usd=rows.to_usd(int(micro) * 1_000_000 + int(rest)),
            unpriced_attempts=unpriced,
            input_tokens=tokens_in,
            output_tokens=tokens_out,
        )
        for channel, attempts, micro, rest, unpriced, tokens_in, tokens_out in found
    }
