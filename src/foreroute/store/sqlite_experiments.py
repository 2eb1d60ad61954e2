"""Experiments in the store's SQLite file, and the ledger as they see it."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from foreroute.core.experiment_ports import KeptScore, KeptTally
from foreroute.core.ledger import LedgerEntry
from foreroute.store import rows
from foreroute.store.sqlite_worker import Worker, insert

_SCORE_COLUMNS: Final = "run, request_id, arm, unit, started_at, score"


class SqliteExperiments:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self.runs = SqliteRuns(writer, reader)
        self.tallies = SqliteTallies(writer, reader)
        self.scores = SqliteScores(writer, reader)
        self.marked = SqliteMarkedLedger(reader)


class SqliteRuns:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def read(self, kind: str) -> Mapping[str, bytes]:
        query = "SELECT id, body FROM experiments WHERE kind = ? ORDER BY id"
        return await self._reader.run(lambda db: dict(db.execute(query, (kind,)).fetchall()))

    async def put(self, kind: str, name: str, body: bytes) -> None:
        await self._writer.insert("REPLACE INTO experiments VALUES (?, ?, ?)", [(kind, name, body)])


class SqliteTallies:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def read(self, run: str) -> KeptTally | None:
        def work(db: sqlite3.Connection) -> KeptTally | None:
            query = "SELECT ledger_row, score_row, body FROM experiment_tallies WHERE run = ?"
            found = db.execute(query, (run,)).fetchone()
            if found is None:
                return None
            units = db.execute("SELECT unit, arm, sums FROM experiment_units WHERE run = ?", (run,))
            return KeptTally(
                run=run,
                ledger_row=found[0],
                score_row=found[1],
                body=found[2],
                units={unit: (arm, sums) for unit, arm, sums in units},
            )

        return await self._reader.run(work)

    async def save(self, tally: KeptTally) -> None:
        units = [(tally.run, unit, arm, sums) for unit, (arm, sums) in tally.units.items()]

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "REPLACE INTO experiment_tallies VALUES (?, ?, ?, ?)",
                (tally.run, tally.ledger_row, tally.score_row, tally.body),
            )
            db.executemany("REPLACE INTO experiment_units VALUES (?, ?, ?, ?)", units)

        await self._writer.run(work)

    async def forget_units(self, run: str) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM experiment_units WHERE run = ?", (run,))

        await self._writer.run(work)


class SqliteScores:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def add(self, score: KeptScore) -> tuple[KeptScore, bool]:
        values = (score.run, score.request_id, score.arm, score.unit, score.started_at, score.score)

        def work(db: sqlite3.Connection) -> tuple[KeptScore, bool]:
            added = db.execute(insert("IGNORE", "experiment_scores", _SCORE_COLUMNS), values).rowcount
            query = "SELECT row, score FROM experiment_scores WHERE run = ? AND request_id = ?"
            row, kept = db.execute(query, (score.run, score.request_id)).fetchone()
            return replace(score, row=row, score=kept), added == 1

        return await self._writer.run(work)

    async def since(self, run: str, row: int) -> Sequence[KeptScore]:
        query = (
            f"SELECT {_SCORE_COLUMNS}, row FROM experiment_scores "  # noqa: S608 - names of the house
            "WHERE run = ? AND row > ? ORDER BY row"
        )

        def work(db: sqlite3.Connection) -> list[KeptScore]:
            return [
                KeptScore(
                    run=one[0],
                    request_id=one[1],
                    arm=one[2],
                    unit=one[3],
                    started_at=one[4],
                    score=one[5],
                    row=one[6],
                )
                for one in db.execute(query, (run, row))
            ]

        return await self._reader.run(work)


class SqliteMarkedLedger:
    def __init__(self, reader: Worker) -> None:
        self._reader = reader

    async def newest(self) -> int:
        query = "SELECT coalesce(max(rowid), 0) FROM ledger"
        return await self._reader.run(lambda db: int(db.execute(query).fetchone()[0]))

    async def marked(self, after: int, limit: int) -> tuple[int, Sequence[tuple[int, LedgerEntry]]]:
        query = (
            f"SELECT rowid, {rows.LEDGER_COLUMNS} FROM ledger "  # noqa: S608 - names of the house
            "WHERE rowid > ? AND instr(attempt, '\"arms\":') > 0 ORDER BY rowid LIMIT ?"
        )

        def work(db: sqlite3.Connection) -> tuple[int, list[tuple[int, LedgerEntry]]]:
            found = [(row, rows.entry_of(tuple(rest))) for row, *rest in db.execute(query, (after, limit))]
            if len(found) == limit:
                return found[-1][0], found
            (last,) = db.execute("SELECT coalesce(max(rowid), 0) FROM ledger").fetchone()
            return max(after, int(last)), found

        return await self._reader.run(work)

    async def recent(self, routes: Sequence[str], since_at: float, limit: int) -> Sequence[LedgerEntry]:
        marks = ",".join("?" for _ in routes)
        query = (
            f"SELECT {rows.LEDGER_COLUMNS} FROM ledger WHERE started_at >= ? "  # noqa: S608
            f"AND json_extract(attempt, '$.route') IN ({marks}) ORDER BY started_at DESC LIMIT ?"
        )
        wanted = (since_at, *routes, limit)
        return await self._reader.run(lambda db: [rows.entry_of(row) for row in db.execute(query, wanted)])
