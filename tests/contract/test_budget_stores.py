"""Budgets that were set at run time, in every back end."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from foreroute.core.budgets import AtLimit, BudgetScope, Origin, ScopedBudget
from foreroute.core.errors import StoreCorrupt
from foreroute.core.ports import BudgetedStore
from foreroute.core.windows import Window
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.store.sqlite import SqliteStore

RED = ScopedBudget(
    name="Käthe's/red",
    scope=BudgetScope.TEAM,
    of="red",
    window=Window.WEEK,
    time_zone="Asia/Seoul",
    limit_usd=Decimal("8.999999999999"),
    hard_limit_usd=Decimal(10),
    at_limit=AtLimit.CHEAPER,
    queue_s=12.5,
    pace=False,
    allow_unpriced=True,
    alerts_at=(0.25, 0.9),
    forecast_alert=False,
    origin=Origin.RUN_TIME,
)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore | SqliteStore]:
    opened: MemoryStore | SqliteStore
    if request.param == "memory":
        opened = MemoryStore(merge_rollups)
    else:
        opened = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    assert isinstance(opened, BudgetedStore)
    yield opened
    await opened.close()


async def test_what_is_put_is_read_replaced_and_removed(store: MemoryStore | SqliteStore) -> None:
    other = ScopedBudget(name="a", limit_usd=Decimal(1), origin=Origin.RUN_TIME)
    await store.budgets.put(RED)
    await store.budgets.put(other)
    assert await store.budgets.read() == (RED, other)
    dearer = replace(RED, hard_limit_usd=Decimal(11))
    await store.budgets.put(dearer)
    assert await store.budgets.read() == (dearer, other)
    assert await store.budgets.remove("a")
    assert not await store.budgets.remove("a")
    assert await store.budgets.read() == (dearer,)


async def test_budgets_outlive_the_process_and_a_damaged_one_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = await SqliteStore.open(path, merge_rollups)
    await first.budgets.put(RED)
    await first.close()
    again = await SqliteStore.open(path, merge_rollups)
    assert await again.budgets.read() == (RED,)
    await again.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE budgets SET body = ?", (b'{"name": "red", "limit": 1}',))
    damaged = await SqliteStore.open(path, merge_rollups)
    with pytest.raises(StoreCorrupt, match="the budget"):
        await damaged.budgets.read()
    await damaged.close()
