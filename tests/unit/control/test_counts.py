import math

from foreroute.control.counts import counts_behind
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import Metric, Series

A = ChannelId("a")


def a_rollup(start_at: float) -> Rollup:
    return Rollup(
        channel=A,
        window_start=start_at,
        source="test",
        attempts=12,
        successes=7,
        throttles=2,
        ignored=1,
        failures={FailureClass.SERVER_ERROR: 2},
        latency=LatencySummary(count=7),
        first_chunk=LatencySummary(count=5),
    )


def a_series(metric: Metric) -> Series:
    return Series(channel=A, metric=metric, start_at=0.0, step_s=60.0, values=(0.1, math.nan, 0.2))


def test_each_metric_is_behind_its_own_number_of_requests() -> None:
    metrics = (Metric.FAILURE_RATIO, Metric.FIRST_CHUNK_P95, Metric.LATENCY_P50, Metric.ATTEMPTS)
    found = counts_behind([a_series(metric) for metric in metrics], [a_rollup(0.0), a_rollup(120.0)])
    assert [value for values in found.values() for value in values if not math.isnan(value)] == [
        9.0, 9.0, 5.0, 5.0, 7.0, 7.0,
    ]  # fmt: skip
    assert (A, Metric.ATTEMPTS) not in found
    assert math.isnan(found[A, Metric.FAILURE_RATIO][1])


def test_only_the_newest_windows_are_looked_up_where_that_is_wanted() -> None:
    found = counts_behind([a_series(Metric.LATENCY_P95)], [a_rollup(120.0)], windows=1)
    assert found == {(A, Metric.LATENCY_P95): [7.0]}
    assert counts_behind([a_series(Metric.LATENCY_P95)], [], windows=1)[A, Metric.LATENCY_P95]
