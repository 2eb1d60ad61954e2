"""One suite for every back end that keeps incidents."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.incident_ports import IncidentedStore, IncidentQuery, KeptIncident
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.store.memory_incidents import MemoryIncidents
from foreroute.store.retention import Retention, keep_house
from foreroute.store.sqlite import SqliteStore

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


def kept(name: str, at: float, end: float | None = None) -> KeptIncident:
    return KeptIncident(id=name, opened_at=at, closed_at=end, body=f'{{"id":"{name}"}}'.encode())


OLD, NEW, OPEN = kept("old", 10.0, 20.0), kept("new", 30.0, 40.0), kept("open", 15.0)


async def test_it_says_that_it_keeps_incidents(store: Store) -> None:
    assert isinstance(store, IncidentedStore)
    assert await store.incidents.read(IncidentQuery()) == []


async def test_the_newest_come_first_and_no_more_than_asked(store: Store) -> None:
    await store.incidents.put([OLD, NEW, OPEN])
    assert await store.incidents.read(IncidentQuery()) == [NEW, OPEN, OLD]
    assert await store.incidents.read(IncidentQuery(limit=2)) == [NEW, OPEN]
    assert await store.incidents.read(IncidentQuery(limit=0)) == []


async def test_all_that_is_asked_must_hold(store: Store) -> None:
    await store.incidents.put([OLD, NEW, OPEN])
    read = store.incidents.read
    assert await read(IncidentQuery(id="old")) == [OLD]
    assert await read(IncidentQuery(id="none")) == []
    assert await read(IncidentQuery(open_only=True)) == [OPEN]
    assert await read(IncidentQuery(open_only=True, id="old")) == []
    assert await read(IncidentQuery(since_at=15.0)) == [NEW, OPEN]
    assert await read(IncidentQuery(until_at=15.0)) == [OLD]


async def test_one_that_is_there_is_replaced(store: Store) -> None:
    await store.incidents.put([OPEN])
    closed = replace(OPEN, closed_at=99.0, body=b"{}")
    await store.incidents.put([closed])
    assert await store.incidents.read(IncidentQuery()) == [closed]


async def test_closed_ones_are_forgotten_by_their_end_and_open_ones_never(store: Store) -> None:
    await store.incidents.put([OLD, NEW, OPEN])
    assert await store.incidents.prune(40.0) == 1
    assert await store.incidents.read(IncidentQuery()) == [NEW, OPEN]
    assert await store.incidents.prune(1e12) == 1
    assert await store.incidents.read(IncidentQuery()) == [OPEN]


async def test_they_are_kept_as_long_as_the_retention_says(store: Store) -> None:
    await store.incidents.put([OLD, OPEN])
    await keep_house(store, Retention(incidents_s=100.0), 119.0)
    assert await store.incidents.read(IncidentQuery(open_only=False)) == [OPEN, OLD]
    await keep_house(store, Retention(incidents_s=100.0), 121.0)
    assert await store.incidents.read(IncidentQuery()) == [OPEN]


async def test_they_outlive_a_restart(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    await store.incidents.put([OLD, OPEN])
    await store.close()
    again = await SqliteStore.open(tmp_path / "store.db", merge_rollups)
    assert await again.incidents.read(IncidentQuery()) == [OPEN, OLD]
    await again.close()


rows = st.lists(
    st.builds(
        kept,
        st.sampled_from("abcdef"),
        st.integers(0, 20).map(float),
        st.none() | st.integers(20, 40).map(float),
    ),
    max_size=12,
)
queries = st.builds(
    IncidentQuery,
    id=st.none() | st.sampled_from("abc"),
    open_only=st.booleans(),
    since_at=st.integers(0, 20).map(float),
    until_at=st.integers(0, 20).map(float) | st.just(math.inf),
    limit=st.integers(0, 5),
)


@given(rows, queries, st.integers(0, 50).map(float))
async def test_both_answer_the_same(
    tmp_path_factory: pytest.TempPathFactory, found: list[KeptIncident], query: IncidentQuery, at: float
) -> None:
    memory = MemoryIncidents()
    sqlite = await SqliteStore.open(tmp_path_factory.mktemp("db") / "store.db", merge_rollups)
    try:
        for one in found:
            await memory.put([one])
            await sqlite.incidents.put([one])
        assert await memory.read(query) == await sqlite.incidents.read(query)
        assert await memory.prune(at) == await sqlite.incidents.prune(at)
        assert await memory.read(IncidentQuery()) == await sqlite.incidents.read(IncidentQuery())
    finally:
        await sqlite.close()
