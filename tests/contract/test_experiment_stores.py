"""One suite for every back end that keeps experiments."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from foreroute.core.attempt import ArmMark
from foreroute.core.experiment_ports import ExperimentedStore, KeptScore, KeptTally
from foreroute.core.ids import RouteName
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.store.sqlite import SqliteStore
from foreroute.testing.check_store import an_entry

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


def marked(number: int, *, arm: str | None = "b", route: str = "chat", at: float = 100.0):
    entry = an_entry(request=f"q{number}", at=at)
    arms = () if arm is None else (ArmMark("faster.1", arm, f"u{number}"),)
    return replace(entry, attempt=replace(entry.attempt, arms=arms, route=RouteName(route)))


async def test_it_says_that_it_keeps_experiments(store: Store) -> None:
    assert isinstance(store, ExperimentedStore)


async def test_runs_are_kept_by_kind_and_replaced(store: Store) -> None:
    runs = store.experiments.runs
    await runs.put("run", "one.1", b"{}")
    await runs.put("run", "one.1", b'{"a":1}')
    await runs.put("definition", "one", b"[]")
    assert await runs.read("run") == {"one.1": b'{"a":1}'}
    assert await runs.read("nothing") == {}


async def test_a_tally_is_kept_with_its_units(store: Store) -> None:
    tallies = store.experiments.tallies
    assert await tallies.read("one.1") is None
    first = KeptTally(
        run="one.1", ledger_row=5, score_row=2, body=b"{}", units={"u": ("b", b"12"), "v": ("c", b"3")}
    )
    await tallies.save(first)
    await tallies.save(replace(first, ledger_row=9, units={"u": ("b", b"45")}))
    kept = await tallies.read("one.1")
    assert kept == replace(first, ledger_row=9, units={"u": ("b", b"45"), "v": ("c", b"3")})
    await tallies.forget_units("one.1")
    assert await tallies.read("one.1") == replace(first, ledger_row=9, units={})


async def test_the_first_score_of_a_request_stays(store: Store) -> None:
    scores = store.experiments.scores
    score = KeptScore(run="one.1", request_id="q", arm="b", unit="u", started_at=5.0, score=0.5)
    kept, is_new = await scores.add(score)
    assert is_new
    again, is_new = await scores.add(replace(score, score=0.9))
    assert (again.score, again.row, is_new) == (0.5, kept.row, False)
    other, _ = await scores.add(replace(score, request_id="r", score=1.0))
    await scores.add(replace(score, run="two.1"))
    assert list(await scores.since("one.1", 0)) == [kept, other]
    assert list(await scores.since("one.1", kept.row)) == [other]


async def test_marked_attempts_are_found_once_each_in_their_order(store: Store) -> None:
    ledger = store.experiments.marked
    assert await ledger.newest() == 0
    assert await ledger.marked(0, 10) == (0, [])
    await store.ledger.append([marked(1), marked(2, arm=None), marked(3)])
    last, found = await ledger.marked(0, 10)
    assert [entry.attempt.request_id for _, entry in found] == ["q1", "q3"]
    assert found[0][1].attempt.arms == (ArmMark("faster.1", "b", "u1"),)
    assert last == await ledger.newest()
    assert await ledger.marked(last, 10) == (last, [])
    await store.ledger.append([marked(3), marked(4, arm=None), marked(5)])
    later, found = await ledger.marked(last, 10)
    assert [entry.attempt.request_id for _, entry in found] == ["q5"]
    assert later > last


async def test_marked_attempts_come_a_piece_at_a_time(store: Store) -> None:
    ledger = store.experiments.marked
    await store.ledger.append([marked(number) for number in range(5)])
    last, found = await ledger.marked(0, 2)
    last, more = await ledger.marked(last, 2)
    last, rest = await ledger.marked(last, 2)
    names = [entry.attempt.request_id for _, entry in (*found, *more, *rest)]
    assert names == [f"q{number}" for number in range(5)]
    assert last == await ledger.newest()


async def test_recent_attempts_of_routes_are_found_newest_first(store: Store) -> None:
    ledger = store.experiments.marked
    await store.ledger.append([marked(n, at=100.0 + n, route="chat" if n % 2 else "other") for n in range(8)])
    found = await ledger.recent(["chat"], 103.0, 2)
    assert [entry.attempt.request_id for entry in found] == ["q7", "q5"]
    assert len(await ledger.recent(["chat", "other"], 0.0, 100)) == 8
