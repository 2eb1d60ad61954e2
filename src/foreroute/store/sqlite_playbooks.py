"""Runs of playbooks in the store's SQLite file."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from foreroute.core.playbook_ports import KeptRun
from foreroute.store.memory_playbooks import fits
from foreroute.store.sqlite_worker import Worker

_COLUMNS: Final = "id, playbook, revision, started_at, open_until, body"


class SqliteRunJournal:
    """A save is one transaction: a process that is killed has kept all of it or nothing."""

    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def save(self, runs: Sequence[KeptRun]) -> bool:
        if not runs:
            return True

        def work(db: sqlite3.Connection) -> bool:
            marks = ",".join("?" for _ in runs)
            query = f"SELECT {_COLUMNS} FROM playbook_runs WHERE id IN ({marks})"  # noqa: S608 - marks only
            kept = {run.id: run for run in map(_run, db.execute(query, [run.id for run in runs]))}
            for run in runs:
                if not fits(kept, run):
                    return False
                kept[run.id] = run
            values = [
                (run.id, run.playbook, run.revision, run.started_at, run.open_until, run.body)
                for run in kept.values()
            ]
            db.executemany("REPLACE INTO playbook_runs VALUES (?, ?, ?, ?, ?, ?)", values)
            return True

        return await self._writer.run(work)

    async def open(self, at: float) -> list[KeptRun]:
        query = f"SELECT {_COLUMNS} FROM playbook_runs WHERE open_until > ? ORDER BY started_at, id"  # noqa: S608
        return await self._reader.run(lambda db: [_run(row) for row in db.execute(query, (at,))])

    async def recent(
        self, *, since_at: float = 0.0, playbook: str | None = None, limit: int = 100
    ) -> list[KeptRun]:
        query = (
            f"SELECT {_COLUMNS} FROM playbook_runs WHERE started_at >= :since "  # noqa: S608
            "AND (:playbook IS NULL OR playbook = :playbook) ORDER BY started_at DESC, id DESC LIMIT :limit"
        )
        wanted = {"since": since_at, "playbook": playbook, "limit": max(0, limit)}
        newest = await self._reader.run(lambda db: [_run(row) for row in db.execute(query, wanted)])
        return newest[::-1]

    async def prune(self, before_at: float) -> int:
        statement = "DELETE FROM playbook_runs WHERE started_at < ? AND open_until <= ?"
        return await self._writer.run(lambda db: db.execute(statement, (before_at, before_at)).rowcount)


def _run(row: Sequence[Any]) -> KeptRun:
    return KeptRun(
        id=row[0],
        playbook=row[1],
        revision=row[2],
        started_at=row[3],
        open_until=row[4],
        body=row[5],
    )
