"""What others have measured becomes rollups that tell that and no more."""

import io
import math

import pytest

from foreroute.core.errors import HistoryError
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, value_of
from foreroute.monitor.fold import fold, merge_rollups
from foreroute.monitor.history import Point, rollups_of
from foreroute.monitor.history_csv import Reading, instant_of, read_csv
from foreroute.testing.check_store import an_attempt

A = ChannelId("a")
TS = "2026-11-30T12:00:00Z"
AT = 1_796_040_000.0


def read(text: str, **more: object) -> list[Point]:
    reading = Reading(channel=A, **more)  # type: ignore[arg-type]  # what a test names
    return list(read_csv(io.StringIO(text), "h.csv", reading))


def point(metric: Metric, value: float, *, at: float = 0.0, count: int | None = None) -> Point:
    return Point(channel=A, metric=metric, at=at, value=value, count=count)


def test_a_percentile_is_kept_as_one_and_everything_else_is_unknown() -> None:
    (rollup,) = rollups_of([point(Metric.LATENCY_P95, 1.5, count=40)], window_s=60.0)
    assert (rollup.latency.count, rollup.latency.p95_s, rollup.latency.p50_s) == (40, 1.5, None)
    assert rollup.latency.sketch == b""
    assert value_of(rollup, Metric.LATENCY_P95) == 1.5
    unknown = [metric for metric in Metric if metric is not Metric.LATENCY_P95]
    assert all(math.isnan(value_of(rollup, metric)) for metric in unknown)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (Metric.LATENCY_P50, 0.7),
        (Metric.LATENCY_MEAN, 0.9),
        (Metric.FIRST_CHUNK_P50, 0.2),
        (Metric.FIRST_CHUNK_P95, 0.4),
        (Metric.FAILURE_RATIO, 0.0123),
        (Metric.ATTEMPTS, 12.0),
        (Metric.THROTTLES, 3.0),
        (Metric.COST_USD, 0.00012),
    ],
)
def test_each_metric_comes_out_as_it_went_in(metric: Metric, value: float) -> None:
    (rollup,) = rollups_of([point(metric, value)], window_s=60.0)
    assert value_of(rollup, metric) == pytest.approx(value, abs=1e-9)


def test_values_of_one_window_are_summed_or_averaged_by_their_counts() -> None:
    points = [
        point(Metric.LATENCY_P95, 1.0, at=0.0, count=30),
        point(Metric.LATENCY_P95, 2.0, at=30.0, count=10),
        point(Metric.COST_USD, 0.25, at=0.0),
        point(Metric.COST_USD, 0.5, at=59.0),
        point(Metric.LATENCY_P95, math.nan, at=90.0),
    ]
    (rollup,) = rollups_of(points, window_s=60.0)
    assert (value_of(rollup, Metric.LATENCY_P95), value_of(rollup, Metric.COST_USD)) == (1.25, 0.75)
    assert rollup.latency.count == 40


def test_merged_percentiles_without_sketches_are_means_and_say_so() -> None:
    points = [point(Metric.LATENCY_P95, 1.0 + n, at=60.0 * n, count=10 + 10 * n) for n in range(2)]
    merged = merge_rollups(rollups_of(points, window_s=60.0))
    assert merged.latency.p95_s == pytest.approx((10 * 1.0 + 20 * 2.0) / 30)
    assert merged.latency.sketch == b""
    assert merged.metrics == ("latency_p95",)
    measured = fold([an_attempt(at=120.0)], window_s=60.0, source="run")
    whole = merge_rollups([merged, *measured])
    assert whole.metrics == ()
    assert whole.latency.count == 31
    assert whole.latency.sketch == b""


def test_the_same_history_again_is_the_same_rollups() -> None:
    text = "ts,latency_p95,attempts\n" + "".join(f"{AT + 60 * n},0.{n},5\n" for n in range(1, 9))
    assert rollups_of(read(text), window_s=60.0) == rollups_of(read(text), window_s=60.0)


def test_narrow_wide_and_long_tables() -> None:
    narrow = read("ts,value,count\n" + f"{TS},1200,7\n", metric=Metric.LATENCY_P95, scale=0.001)
    assert narrow == [point(Metric.LATENCY_P95, 1.2, at=AT, count=7)]
    wide = read(f"time, attempts ,failure_ratio\n{AT},20,0.5\n{AT + 60},,NaN\n")
    assert [(one.metric, one.value) for one in wide] == [(Metric.ATTEMPTS, 20.0), (Metric.FAILURE_RATIO, 0.5)]
    (rollup,) = rollups_of(wide, window_s=60.0)
    assert (rollup.attempts, rollup.failures_total) == (20, 10)
    long = read(
        f"ts,window_s,channel,segment,metric,value,count\n{TS},3600.0,b,,cost_usd,2,9\n{TS},60,b,route=chat,cost_usd,1,\n"
    )
    assert [(one.channel, one.metric, one.window_s) for one in long] == [("b", Metric.COST_USD, 3600.0)]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("value\n1\n", "h.csv:1", "does not name the columns"),
        ("", "h.csv:1", "does not name the columns"),
        ("ts,value\nyesterday,1\n", "h.csv:2", "'yesterday' is no time"),
        (f"ts,value\n{TS},fast\n", "h.csv:2", "'fast' is no number"),
        (f"ts,value\n{TS},1\n{TS},-1\n", "h.csv:3", "is below zero"),
        (f"ts,value\n{TS},inf\n", "h.csv:2", "is infinite"),
        (f"ts,metric,value\n{TS},speed,1\n", "h.csv:2", "'speed' is no metric"),
        (f"ts,failure_ratio\n{TS},12\n", "h.csv:2", "--scale 0.01"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text: str, line: str, says: str) -> None:
    with pytest.raises(HistoryError) as caught:
        read(text, metric=Metric.LATENCY_P50)
    assert str(caught.value).startswith(line)
    assert says in str(caught.value)


def test_values_of_nothing_are_refused() -> None:
    with pytest.raises(HistoryError) as caught:
        read(f"ts,value\n{TS},1\n")
    assert "--metric" in caught.value.hint


def test_instants() -> None:
    for text in (TS, "2026-11-30 12:00:00", "2026-11-30T21:00:00+09:00", str(AT), str(int(AT * 1000))):
        assert instant_of(text, "x") == AT
