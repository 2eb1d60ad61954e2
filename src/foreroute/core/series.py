"""A metric of a channel on a regular grid."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup


class Metric(StrEnum):
    """What can be forecast, watched and drawn. Latencies in seconds, ratios 0…1, money in US dollars.

    A slowdown is observed over expected duration: 1 as usual, whatever was asked for.
    """

    LATENCY_P50 = "latency_p50"
    LATENCY_P95 = "latency_p95"
    LATENCY_MEAN = "latency_mean"
    FIRST_CHUNK_P50 = "first_chunk_p50"
    FIRST_CHUNK_P95 = "first_chunk_p95"
    LATENCY_SLOWDOWN = "latency_slowdown"
    FIRST_CHUNK_SLOWDOWN = "first_chunk_slowdown"
    FAILURE_RATIO = "failure_ratio"
    ATTEMPTS = "attempts"
    THROTTLES = "throttles"
    COST_USD = "cost_usd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values at `start_at`, `start_at + step_s`, …; NaN where nothing was measured.

    Its end is the forecast origin: a forecaster may use every value in it and nothing else.
    """

    channel: ChannelId
    metric: Metric
    start_at: float
    step_s: float
    values: tuple[float, ...]
    counts: tuple[float, ...] = ()
    """Requests behind each value; empty where that is not known."""

    @property
    def end_at(self) -> float:
        """The instant just after the last window: the forecast origin."""
        return self.start_at + self.step_s * len(self.values)


def value_of(rollup: Rollup, metric: Metric) -> float:
    """One metric of one rollup; NaN where the minute says nothing about it (counts are 0, never NaN)."""
    value: float | None
    match metric:
        case Metric.LATENCY_P50:
            value = rollup.latency.p50_s
        case Metric.LATENCY_P95:
            value = rollup.latency.p95_s
        case Metric.LATENCY_MEAN:
            value = rollup.latency.mean_s
        case Metric.FIRST_CHUNK_P50:
            value = rollup.first_chunk.p50_s
        case Metric.FIRST_CHUNK_P95:
            value = rollup.first_chunk.p95_s
        case Metric.LATENCY_SLOWDOWN:
            value = rollup.latency.slowdown
        case Metric.FIRST_CHUNK_SLOWDOWN:
            value = rollup.first_chunk.slowdown
        case Metric.FAILURE_RATIO:
            value = rollup.failure_ratio
        case Metric.ATTEMPTS:
            value = rollup.attempts
        case Metric.THROTTLES:
            value = rollup.throttles
        case Metric.COST_USD:
            value = float(rollup.cost_usd)
    return math.nan if value is None else float(value)


def count_of(rollup: Rollup, metric: Metric) -> float:
    """How many requests one metric of one rollup is measured from; a count is measured once."""
    match metric:
        case Metric.LATENCY_P50 | Metric.LATENCY_P95 | Metric.LATENCY_MEAN:
            return float(rollup.latency.count)
        case Metric.FIRST_CHUNK_P50 | Metric.FIRST_CHUNK_P95:
            return float(rollup.first_chunk.count)
        case Metric.LATENCY_SLOWDOWN:
            return float(rollup.latency.slowdown_count)
        case Metric.FIRST_CHUNK_SLOWDOWN:
            return float(rollup.first_chunk.slowdown_count)
        case Metric.FAILURE_RATIO:
            return float(rollup.attempts - rollup.ignored - rollup.throttles)
        case Metric.ATTEMPTS | Metric.THROTTLES | Metric.COST_USD:
            return 1.0


def series_of(
    rollups: Iterable[Rollup],
    channel: ChannelId,
    metric: Metric,
    *,
    start_at: float,
    end_at: float,
    step_s: float,
) -> Series:
    """The grid of one metric between two instants. Rollups of other channels or outside are passed over.

    A window without a rollup is NaN: nothing was measured, which is not zero.
    """
    values = [math.nan] * max(0, round((end_at - start_at) / step_s))
    counts = [0.0] * len(values)
    for rollup in rollups:
        index = round((rollup.window_start - start_at) / step_s)
        if rollup.channel == channel and 0 <= index < len(values):
            values[index] = value_of(rollup, metric)
            counts[index] = count_of(rollup, metric)
    return Series(
        channel=channel,
        metric=metric,
        start_at=start_at,
        step_s=step_s,
        values=tuple(values),
        counts=tuple(counts),
    )
