"""Budgets that were set at run time, in the store's SQLite file."""

import sqlite3
from pathlib import Path

from foreroute.core.budget_json import budget_bytes, read_budget
from foreroute.core.budgets import ScopedBudget
from foreroute.core.errors import StoreCorrupt
from foreroute.core.fields import BadField
from foreroute.store.sqlite_worker import Worker


class SqliteBudgets:
    def __init__(self, writer: Worker, reader: Worker) -> None:
        self._writer, self._reader = writer, reader

    async def read(self) -> tuple[ScopedBudget, ...]:
        return await self._reader.run(_read)

    async def put(self, budget: ScopedBudget) -> None:
        await self._writer.insert("REPLACE INTO budgets VALUES (?, ?)", [(budget.name, budget_bytes(budget))])

    async def remove(self, name: str) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            return db.execute("DELETE FROM budgets WHERE name = ?", (name,)).rowcount > 0

        return await self._writer.run(work)


def _read(db: sqlite3.Connection) -> tuple[ScopedBudget, ...]:
    found = []
    for name, body in db.execute("SELECT name, body FROM budgets ORDER BY name"):
        try:
            found.append(read_budget(body))
        except BadField as error:
            path = Path(db.execute("PRAGMA database_list").fetchone()[2])
            raise StoreCorrupt(f"{path}: the budget {name!r} cannot be read: {error}") from None
    return tuple(found)
