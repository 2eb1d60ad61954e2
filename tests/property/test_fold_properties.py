"""Folding does not depend on order or batches, loses nothing, and merges to the same counts."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import Attempt, Outcome, Usage
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
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
    emitted = {}
    for batch in batches:
        folder.add(batch)
        emitted |= {(r.window_start, r.channel): r for r in folder.changed()}
    assert tuple(emitted[key] for key in sorted(emitted)) == fold(shuffled, window_s=60.0, source="run")


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
