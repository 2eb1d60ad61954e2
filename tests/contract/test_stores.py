"""One suite for every back end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.store.sqlite import SqliteStore
from foreroute.testing.check_rollups import check_series, check_thinning
from foreroute.testing.check_store import (
    check_ledger_pruning,
    check_ledger_store,
    check_ledger_takes_anything,
    check_record_store,
    check_rollup_store,
)

Store = MemoryStore | SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store
    if request.param == "memory":
        opened = MemoryStore(merge_rollups)
    else:
        opened = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    yield opened
    await opened.close()


async def test_rollups(store: Store) -> None:
    await check_rollup_store(store.rollups)


async def test_series(store: Store) -> None:
    await check_series(store.rollups)


async def test_thinning(store: Store) -> None:
    await check_thinning(store.rollups)


async def test_ledger(store: Store) -> None:
    await check_ledger_store(store.ledger)


async def test_ledger_takes_anything(store: Store) -> None:
    await check_ledger_takes_anything(store.ledger)


async def test_ledger_pruning(store: Store) -> None:
    await check_ledger_pruning(store.ledger)


async def test_records(store: Store) -> None:
    await check_record_store(store.records)
