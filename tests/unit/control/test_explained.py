"""An unusual latency and its likely cause."""

from dataclasses import replace

import pytest

from foreroute.control.explained import explained
from foreroute.core.attempt import Attempt, Usage
from foreroute.core.findings import Anomaly
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric
from foreroute.monitor.fold import fold, merge_rollups
from foreroute.testing.check_store import an_attempt

A = ChannelId("a")


def minute(number: int, *, outputs: int = 100, took_s: float = 1.0, requests: int = 20) -> Rollup:
    some: list[Attempt] = [
        replace(
            an_attempt(request=f"{number}/{n}", channel=A, at=60.0 * number),
            duration_s=took_s,
            usage=Usage(input_tokens=500, output_tokens=outputs),
        )
        for n in range(requests)
    ]
    (rollup,) = fold(some, window_s=60.0, source="run")
    return rollup


def strange(metric: Metric = Metric.LATENCY_P95) -> Anomaly:
    return Anomaly(
        channel=A,
        metric=metric,
        at=60.0 * 31,
        value=4.0,
        expected=1.0,
        score=5.0,
        threshold=1.0,
        detector="x",
        since_at=60.0 * 30,
    )


USUAL = [minute(number) for number in range(30)]


@pytest.mark.parametrize(
    ("now", "cause"),
    [
        ({"took_s": 4.0}, "the channel itself"),
        ({"took_s": 4.0, "outputs": 600}, "longer or shorter answers"),
    ],
)
def test_slow_answers_are_told_from_long_ones(now: dict[str, float], cause: str) -> None:
    late = [minute(number, **now) for number in (30, 31)]  # type: ignore[arg-type]  # a test's own numbers
    (found,) = explained([strange()], [*USUAL, *late], merge_rollups)
    assert found.cause == cause


def test_without_minutes_on_both_sides_nothing_is_said() -> None:
    (found,) = explained([strange()], USUAL, merge_rollups)
    assert found.cause == ""
    (found,) = explained([strange()], [minute(30), minute(31)], merge_rollups)
    assert found.cause == ""


def test_only_latencies_are_explained_so() -> None:
    failing = strange(Metric.FAILURE_RATIO)
    assert explained([failing], [*USUAL, minute(30, took_s=4.0)], merge_rollups) == (failing,)
