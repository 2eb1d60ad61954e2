"""Series that are read again and again say what a history that was just filled would say."""

import math

from hypothesis import given
from hypothesis import strategies as st

from foreroute.control.history import History
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series
from foreroute.monitor.fold import merge_rollups

START_AT, STEP_S, STEPS = 1_772_409_600.0, 60.0, 6
NAMES = [ChannelId("a"), ChannelId("b")]
MINUTES = st.integers(0, 20)
WRITES = st.lists(
    st.tuples(MINUTES, st.sampled_from(NAMES), st.sampled_from(["s", "t"]), st.integers(1, 9)), max_size=6
)


def rollup(minute: int, channel: ChannelId, source: str, attempts: int) -> Rollup:
    at = START_AT + STEP_S * minute
    return Rollup(channel=channel, window_start=at, source=source, attempts=attempts, successes=attempts)


def told(history: History, minute: int) -> list[Series]:
    end_at = START_AT + STEP_S * minute
    return [
        history.series(channel, metric, end_at=end_at)
        for channel in NAMES
        for metric in (Metric.ATTEMPTS, Metric.FAILURE_RATIO)
    ]


def shown(series: Series) -> tuple[object, ...]:
    values = tuple(None if math.isnan(value) else value for value in series.values)
    return series.channel, series.metric, series.start_at, values, series.counts


@given(st.lists(st.tuples(MINUTES, WRITES, st.booleans()), max_size=12))
def test_reading_often_changes_nothing(
    rounds: list[tuple[int, list[tuple[int, ChannelId, str, int]], bool]],
) -> None:
    often = History(merge_rollups, window_s=STEP_S, keep_s=STEP_S * STEPS)
    once = History(merge_rollups, window_s=STEP_S, keep_s=STEP_S * STEPS)
    for minute, writes, forgets in rounds:
        found = [rollup(*write) for write in writes]
        for history in (often, once):
            history.add(found)
            if forgets:
                history.forget(START_AT + STEP_S * minute)
        told(often, minute)
        summed(often, minute)
    last = rounds[-1][0] if rounds else 0
    assert [shown(one) for one in told(often, last)] == [shown(one) for one in told(once, last)]
    end_at = START_AT + STEP_S * last
    rollups = often.rollups(start_at=end_at - STEP_S * STEPS, end_at=end_at)
    assert rollups == once.rollups(start_at=end_at - STEP_S * STEPS, end_at=end_at)
    sums = {
        channel: sum(one.attempts for one in rollups if one.channel == channel)
        for channel in {one.channel for one in rollups}
    }
    assert summed(often, last) == sums


def summed(history: History, minute: int) -> dict[ChannelId, int]:
    end_at = START_AT + STEP_S * minute
    found = history.totals(start_at=end_at - STEP_S * STEPS, end_at=end_at)
    return {one.channel: one.attempts for one in found}
