"""One suite for every back end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests import influx_house
from tests.influx_house import Server

from foreroute.monitor.fold import merge_rollups
from foreroute.store.influx import InfluxStore
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

Store = MemoryStore | SqliteStore | InfluxStore


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("influxdb", marks=pytest.mark.service("influxdb")),
        pytest.param("victoria-metrics", marks=pytest.mark.service("victoria-metrics")),
    ]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """The last one is SQLite with a mirror in VictoriaMetrics."""
    opened: Store
    path = tmp_path / "store.db"
    if request.param == "memory":
        opened = MemoryStore(merge_rollups)
    elif request.param == "sqlite":
        opened = await SqliteStore.open(path, merge_rollups)
    elif request.param == "influxdb":
        server: Server = request.getfixturevalue("influxdb")
        opened = await influx_house.opened(path, server.url, server.fresh("contract"))
    else:
        url = request.getfixturevalue("victoria").url
        opened = await InfluxStore.mirror(path, merge_rollups, influx_house.options(url, "contract"))
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
