"""Folding does not depend on order or batches, loses nothing, and merges to the same counts."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import Attempt, Outcome, Usage
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.work import Ratio
from foreroute.monitor.fold import Folder, fold, merge_rollups, summary
from foreroute.testing.check_store import an_attempt


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    outcome = draw(st.sampled_from(list(Outcome)))
    failed = outcome in (Outcome.FAILURE, Outcome.TIMEOUT)
    return replace(
        an_attempt(),
        channel=ChannelId(draw(st.sampled_from("abc"))),
        started_at=draw(st.floats(0.0, 600.0)),
        duration_s=draw(st.floats(0.001, 120.0)),
        outcome=outcome,
        failure_class=draw(st.sampled_from(list(FailureClass))) if failed else None,
        stream=draw(st.booleans()),
        time_to_first_chunk_s=draw(st.none() | st.floats(0.001, 30.0)),
        usage=Usage(*[draw(st.integers(0, 1000)) for _ in range(5)]),
        cost_usd=draw(st.none() | st.decimals(0, 1, places=9)),
    )


BATCHES = st.lists(st.lists(attempts(), max_size=8), max_size=5)


@given(BATCHES, st.randoms(use_true_random=False))
def test_order_and_batches_do_not_matter(batches: list[list[Attempt]], chance) -> None:
    flat = [one for batch in batches for one in batch]
    shuffled = list(flat)
    chance.shuffle(shuffled)
    folder = Folder(window_s=60.0, source="run")
    emitted: dict[tuple[float, ChannelId], Rollup] = {}
    for batch in batches:
        folder.add(batch)
        emitted |= {(r.window_start, r.channel): r for r in folder.changed()}
    assert tuple(emitted[key] for key in sorted(emitted)) == fold(shuffled, window_s=60.0, source="run")


@given(st.lists(st.tuples(st.lists(attempts(), max_size=6), st.none() | st.floats(0.0, 900.0)), max_size=6))
def test_an_attempt_that_comes_after_its_window_was_closed_adds_to_it(
    rounds: list[tuple[list[Attempt], float | None]],
) -> None:
    folder = Folder(window_s=60.0, source="run")
    stored: dict[tuple[float, ChannelId, str], Rollup] = {}
    for batch, close_before in rounds:
        folder.add(batch)
        stored |= {(r.window_start, r.channel, r.source): r for r in folder.changed()}
        if close_before is not None:
            folder.forget(close_before)
    windows: dict[tuple[float, ChannelId], list[Rollup]] = {}
    for rollup in stored.values():
        windows.setdefault((rollup.window_start, rollup.channel), []).append(rollup)
    whole = fold([one for batch, _ in rounds for one in batch], window_s=60.0, source="run")
    for rollup in whole:
        merged = merge_rollups(windows.pop((rollup.window_start, rollup.channel)))
        assert (merged.attempts, merged.failures, merged.usage) == (
            rollup.attempts,
            rollup.failures,
            rollup.usage,
        )
        assert (merged.cost_usd, merged.latency.count) == (rollup.cost_usd, rollup.latency.count)
        if rollup.latency.p95_s is not None:
            assert merged.latency.p95_s == pytest.approx(rollup.latency.p95_s, rel=0.010001)
    assert not windows


@given(st.lists(attempts(), min_size=1, max_size=40), st.integers(1, 5))
def test_merging_in_any_grouping_gives_the_same(flat: list[Attempt], groups: int) -> None:
    one_channel = [replace(one, channel=ChannelId("a")) for one in flat]
    rollups = fold(one_channel, window_s=60.0, source="run")
    parts = [rollups[n::groups] for n in range(groups) if rollups[n::groups]]
    regrouped, straight = merge_rollups([merge_rollups(part) for part in parts]), merge_rollups(rollups)
    assert (regrouped.window_start, regrouped.window_s) == (straight.window_start, straight.window_s)
    assert (regrouped.attempts, regrouped.cost_usd) == (straight.attempts, straight.cost_usd)
    assert regrouped.latency.sketch == straight.latency.sketch


@given(st.lists(attempts(), max_size=40))
def test_nothing_is_lost(flat: list[Attempt]) -> None:
    rollups = fold(flat, window_s=60.0, source="run")
    assert sum(rollup.attempts for rollup in rollups) == len(flat)
    assert sum(rollup.unpriced_attempts for rollup in rollups) == sum(one.cost_usd is None for one in flat)
    cost = sum((rollup.cost_usd for rollup in rollups), Decimal(0))
    assert cost == sum((one.cost_usd for one in flat if one.cost_usd is not None), Decimal(0))
    for rollup in rollups:
        assert sum(rollup.failures.values()) == rollup.failures_total


@given(st.lists(attempts(), min_size=1, max_size=40))
def test_merging_windows_counts_like_one_long_window(flat: list[Attempt]) -> None:
    one_channel = [replace(one, channel=ChannelId("a")) for one in flat]
    merged = merge_rollups(fold(one_channel, window_s=60.0, source="run"))
    (whole,) = fold(one_channel, window_s=1e6, source="run")
    assert (merged.attempts, merged.failures, merged.usage) == (whole.attempts, whole.failures, whole.usage)
    assert merged.latency.count == whole.latency.count
    if whole.latency.p50_s is not None and whole.latency.count > 1:
        lowest, highest = min(o.duration_s for o in one_channel), max(o.duration_s for o in one_channel)
        assert merged.latency.p95_s is not None
        assert lowest * 0.98 <= merged.latency.p95_s <= highest * 1.02


@given(st.lists(st.floats(0.001, 100.0), min_size=1, max_size=200))
def test_percentiles_are_ordered_and_inside_the_data(values: list[float]) -> None:
    one = summary(values)
    assert one.p50_s is not None
    assert one.p95_s is not None
    assert one.p99_s is not None
    assert min(values) <= one.p50_s <= one.p95_s <= one.p99_s <= max(values)


@given(st.lists(st.tuples(attempts(), st.just(math.nan) | st.floats(0.05, 20.0)), min_size=1, max_size=30))
def test_the_slowdown_of_merged_windows_is_that_of_all_their_requests(
    pairs: list[tuple[Attempt, float]],
) -> None:
    """Also of those whose parts came from two runs; attempts that nothing was expected of do not count."""
    merged: list[Rollup] = []
    for source, some in (("one", pairs[::2]), ("two", pairs[1::2])):
        folder = Folder(window_s=1000.0, source=source)
        folder.add(
            [replace(one, channel=ChannelId("a")) for one, _ in some], [Ratio(r, math.nan) for _, r in some]
        )
        merged += folder.changed()
    known = [
        ratio
        for one, ratio in pairs
        if one.outcome is Outcome.SUCCESS and not math.isnan(ratio) and one.ended_at < 1000.0
    ]
    latency = merge_rollups([rollup for rollup in merged if rollup.window_start == 0.0]).latency
    assert latency.slowdown_count == len(known)
    assert latency.slowdown == (pytest.approx(sum(known) / len(known)) if known else None)
