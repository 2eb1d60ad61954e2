"""Values that others have measured, as rollups that tell no more than they do. Pure.

A percentile without the values behind it stays a bare percentile: a summary with a count and no sketch. What a source
does not say is unknown in the rollup too (`Rollup.metrics`), never zero.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import NO_LATENCY, LatencySummary, Rollup
from foreroute.core.series import Metric

IMPORTED: Final = "import:"
"""Sources of imported rollups begin so; the metrics follow. The same import again replaces itself, window by window."""
_RATIO_OF: Final = 10_000
"""A failure ratio without a count is kept as failures of so many attempts, whose number is not told."""
_SUMS: Final = frozenset({Metric.ATTEMPTS, Metric.THROTTLES, Metric.COST_USD})
_MARKS: Final[Mapping[str, Mapping[Metric, str]]] = {
    "latency": {Metric.LATENCY_P50: "p50_s", Metric.LATENCY_P95: "p95_s", Metric.LATENCY_MEAN: "mean_s"},
    "first_chunk": {Metric.FIRST_CHUNK_P50: "p50_s", Metric.FIRST_CHUNK_P95: "p95_s"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value at one instant. Seconds, ratios 0…1, US dollars, counts, as `Metric` says."""

    channel: ChannelId
    metric: Metric
    at: float
    value: float
    count: int | None = None
    """How many attempts are behind it; None: unknown, and each point weighs the same."""
    window_s: float | None = None
    """How long the time is that it tells of; None: one window."""


def problem_of(metric: Metric, value: float) -> str | None:
    """Why this cannot be a value of the metric; None: it can. NaN can: nothing is known."""
    if math.isinf(value):
        return "is infinite"
    if value < 0:
        return "is below zero"
    if metric is Metric.FAILURE_RATIO and value > 1:
        return "is no ratio between 0 and 1; for per cent use --scale 0.01"
    return None


def rollups_of(points: Iterable[Point], *, window_s: float) -> tuple[Rollup, ...]:
    """One rollup per channel and window, by time and channel, with all metrics that there are points of.

    Several points of one window are summed where that makes sense (attempts, throttles, cost) and otherwise
    averaged by their counts.
    """
    groups: dict[tuple[float, ChannelId, float], dict[Metric, list[Point]]] = {}
    metrics: set[Metric] = set()
    for point in points:
        if math.isnan(point.value):
            continue
        length_s = max(window_s, point.window_s or window_s)
        key = (point.at // window_s * window_s, point.channel, length_s)
        groups.setdefault(key, {}).setdefault(point.metric, []).append(point)
        metrics.add(point.metric)
    source = IMPORTED + ",".join(sorted(metrics))
    return tuple(_rollup(key, groups[key], source) for key in sorted(groups))


def _rollup(
    key: tuple[float, ChannelId, float], found: Mapping[Metric, Sequence[Point]], source: str
) -> Rollup:
    values = {metric: _value(metric, points) for metric, points in found.items()}
    counts = [count for points in found.values() if (count := _count(points)) is not None]
    count = max(counts, default=None)
    if Metric.ATTEMPTS in values:
        count = round(values[Metric.ATTEMPTS])
    throttles = round(values.get(Metric.THROTTLES, 0.0))
    judged = _RATIO_OF if count is None else count
    ratio = values.get(Metric.FAILURE_RATIO)
    failed = 0 if ratio is None else round(ratio * judged)
    attempts = max(judged if ratio is not None else (count or 0), throttles)
    return Rollup(
        channel=key[1],
        window_start=key[0],
        window_s=key[2],
        source=source,
        attempts=attempts,
        successes=attempts - failed - throttles if ratio is None else attempts - failed,
        throttles=throttles if ratio is None else 0,
        failures={FailureClass.NETWORK_UNSPECIFIED: failed} if failed else {},
        latency=_summary(values, "latency", count),
        first_chunk=_summary(values, "first_chunk", count),
        cost_usd=Decimal(repr(values.get(Metric.COST_USD, 0.0))),
        metrics=tuple(sorted(metric.value for metric in found)),
    )


def _value(metric: Metric, points: Sequence[Point]) -> float:
    if metric in _SUMS:
        return math.fsum(point.value for point in points)
    weights = [1 if point.count is None else point.count for point in points]
    if not (total := sum(weights)):
        weights, total = [1] * len(points), len(points)
    return math.fsum(point.value * weight for point, weight in zip(points, weights, strict=True)) / total


def _count(points: Sequence[Point]) -> int | None:
    known = [point.count for point in points if point.count is not None]
    return sum(known) if known else None


def _summary(values: Mapping[Metric, float], kind: str, count: int | None) -> LatencySummary:
    """Without a mean, the total is what the middle (or else the 95th percentile) would make of it."""
    marks = {name: values[metric] for metric, name in _MARKS[kind].items() if metric in values}
    if not marks:
        return NO_LATENCY
    some = max(1, count or 1)
    middle = marks.get("mean_s", marks.get("p50_s", marks.get("p95_s", 0.0)))
    return LatencySummary(
        count=some, total_s=middle * some, p50_s=marks.get("p50_s"), p95_s=marks.get("p95_s")
    )
