"""Incidents in the store's SQLite file."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from foreroute.core.incident_ports import IncidentQuery, KeptIncident
from foreroute.store.sqlite_worker import Worker, delete, insert

_COLUMNS: Final = "id, opened_at, closed_at, body"


class SqliteIncidents:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def put(self, incidents: Sequence[KeptIncident]) -> None:
        rows = [(one.id, one.opened_at, one.closed_at, one.body) for one in incidents]
        await self._writer.insert(insert("REPLACE", "incidents", _COLUMNS), rows)

    async def read(self, query: IncidentQuery) -> list[KeptIncident]:
        statement = (
            f"SELECT {_COLUMNS} FROM incidents WHERE opened_at >= ? AND opened_at < ? "  # noqa: S608
            "AND (? IS NULL OR id = ?) AND (NOT ? OR closed_at IS NULL) "
            "ORDER BY opened_at DESC, id DESC LIMIT ?"
        )
        wanted = (query.since_at, query.until_at, query.id, query.id, query.open_only, max(0, query.limit))

        def work(db: sqlite3.Connection) -> list[KeptIncident]:
            return [
                KeptIncident(id=row[0], opened_at=row[1], closed_at=row[2], body=row[3])
                for row in db.execute(statement, wanted)
            ]

        return await self._reader.run(work)

    async def prune(self, before_at: float) -> int:
        return await delete(self._writer, "incidents", "id", "closed_at", before_at)
