"""One suite for every journal of playbook runs."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from foreroute.core.playbook_ports import KeptRun, PlaybookStore
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
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


def a_run(name: str, at: float = 100.0, **more: object) -> KeptRun:
    run = KeptRun(id=name, playbook="book", revision=1, started_at=at, open_until=math.inf, body=b"{}")
    return replace(run, **more)  # type: ignore[arg-type]  # a test's own words


async def test_it_says_that_it_keeps_runs(store: Store) -> None:
    assert isinstance(store, PlaybookStore)


async def test_a_run_is_kept_by_its_newest_revision(store: Store) -> None:
    journal = store.playbook_runs
    assert await journal.save([a_run("one"), a_run("two", 50.0)])
    assert await journal.save([a_run("one", revision=2, body=b'{"a":1}')])
    assert [(run.id, run.revision, run.body) for run in await journal.open(0.0)] == [
        ("two", 1, b"{}"),
        ("one", 2, b'{"a":1}'),
    ]


async def test_the_same_revision_with_the_same_body_changes_nothing(store: Store) -> None:
    journal = store.playbook_runs
    assert await journal.save([a_run("one")])
    assert await journal.save([a_run("one")])
    assert await journal.save([])
    assert len(await journal.open(0.0)) == 1


@pytest.mark.parametrize(
    "late",
    [a_run("one", body=b"[]"), a_run("one", revision=3), a_run("new", revision=2), a_run("one", revision=0)],
)
async def test_whoever_did_not_see_the_last_revision_keeps_nothing(store: Store, late: KeptRun) -> None:
    journal = store.playbook_runs
    await journal.save([a_run("one")])
    assert not await journal.save([a_run("other"), late])
    assert [run.id for run in await journal.recent()] == ["one"]


async def test_two_revisions_of_one_run_in_one_save(store: Store) -> None:
    journal = store.playbook_runs
    assert await journal.save([a_run("one"), a_run("one", revision=2)])
    assert [run.revision for run in await journal.recent()] == [2]


async def test_open_are_those_that_are_not_over_or_still_hold_something(store: Store) -> None:
    journal = store.playbook_runs
    await journal.save([a_run("over", open_until=200.0), a_run("holds", open_until=300.0), a_run("runs")])
    assert [run.id for run in await journal.open(250.0)] == ["holds", "runs"]


async def test_recent_are_the_newest_oldest_first(store: Store) -> None:
    journal = store.playbook_runs
    await journal.save([a_run(f"r{at}", float(at), playbook="a" if at % 2 else "b") for at in range(10)])
    assert [run.id for run in await journal.recent(limit=3)] == ["r7", "r8", "r9"]
    assert [run.id for run in await journal.recent(playbook="a", limit=2)] == ["r7", "r9"]
    assert [run.id for run in await journal.recent(since_at=8.0)] == ["r8", "r9"]
    assert await journal.recent(limit=0) == []


async def test_old_runs_go_unless_they_are_open(store: Store) -> None:
    journal = store.playbook_runs
    await journal.save(
        [a_run("old", 10.0, open_until=20.0), a_run("open", 10.0), a_run("new", 90.0, open_until=95.0)]
    )
    assert await journal.prune(50.0) == 1
    assert [run.id for run in await journal.recent()] == ["open", "new"]
    await keep_house(store, Retention(records_s=100.0), 250.0)
    assert [run.id for run in await journal.recent()] == ["open"]


async def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path, merge_rollups)
    await store.playbook_runs.save([a_run("one")])
    await store.close()
    again = await SqliteStore.open(path, merge_rollups)
    assert await again.playbook_runs.open(0.0) == [a_run("one")]
    await again.close()
