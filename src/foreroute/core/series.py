"""A metric of a channel on a regular grid."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import LatencySummary, Rollup


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


FIRST_CHUNK_METRICS: Final = frozenset(
    {Metric.FIRST_CHUNK_P50, Metric.FIRST_CHUNK_P95, Metric.FIRST_CHUNK_SLOWDOWN}
)
_PARTS: Final[Mapping[Metric, str]] = {
    Metric.LATENCY_P50: "p50_s",
    Metric.LATENCY_P95: "p95_s",
    Metric.LATENCY_MEAN: "mean_s",
    Metric.LATENCY_SLOWDOWN: "slowdown",
    Metric.FIRST_CHUNK_P50: "p50_s",
    Metric.FIRST_CHUNK_P95: "p95_s",
    Metric.FIRST_CHUNK_SLOWDOWN: "slowdown",
}
"""The part of a latency summary that is the metric."""


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

    @property
    def measured(self) -> int:
        """How many windows there are from the first that was measured on; those that were not in between count."""
        for place, value in enumerate(self.values):
            if value == value:  # noqa: PLR0124 - not NaN
                return len(self.values) - place
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """One metric of a channel as it is stored, oldest first: when each window began, how long it is, what it holds.

    Newer windows may be minutes and older ones hours or days; `windows_s` says which. A window of which nothing
    is known is not there; one that says nothing about the metric is NaN.
    """

    channel: ChannelId
    metric: Metric
    starts_at: Sequence[float]
    windows_s: Sequence[float]
    values: Sequence[float]

    def __len__(self) -> int:
        return len(self.values)

    def on_grid(self, *, start_at: float, end_at: float, step_s: float) -> Series:
        """Regular steps between two instants: NaN where nothing is known, and where only a longer window is.

        A value that tells of an hour is not spread over its minutes: that would be sixty measurements nobody made.
        """
        values = [math.nan] * max(0, round((end_at - start_at) / step_s))
        for at, window_s, value in zip(self.starts_at, self.windows_s, self.values, strict=True):
            index = round((at - start_at) / step_s)
            if 0 <= index < len(values) and window_s <= step_s:
                values[index] = value
        return Series(
            channel=self.channel, metric=self.metric, start_at=start_at, step_s=step_s, values=tuple(values)
        )


def value_of(rollup: Rollup, metric: Metric) -> float:
    """One metric of one rollup; NaN where the minute says nothing about it (counts are 0, never NaN)."""
    if rollup.metrics and metric not in rollup.metrics:
        return math.nan
    if (summary := _summary(rollup, metric)) is not None:
        value: float | None = getattr(summary, _PARTS[metric])
    elif metric is Metric.FAILURE_RATIO:
        value = rollup.failure_ratio
    elif metric is Metric.COST_USD:
        value = float(rollup.cost_usd)
    else:
        value = rollup.attempts if metric is Metric.ATTEMPTS else rollup.throttles
    return math.nan if value is None else float(value)


def count_of(rollup: Rollup, metric: Metric) -> float:
    """How many requests one metric of one rollup is measured from; a count is measured once."""
    if (summary := _summary(rollup, metric)) is not None:
        return float(summary.slowdown_count if _PARTS[metric] == "slowdown" else summary.count)
    if metric is Metric.FAILURE_RATIO:
        return float(rollup.attempts - rollup.ignored - rollup.throttles)
    return 1.0


def _summary(rollup: Rollup, metric: Metric) -> LatencySummary | None:
    """Of whole answers or of first chunks, for the metrics that come from one."""
    if metric not in _PARTS:
        return None
    return rollup.first_chunk if metric in FIRST_CHUNK_METRICS else rollup.latency


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


def samples_of(rollups: Iterable[Rollup], channel: ChannelId, metric: Metric) -> Samples:
    """One metric of rollups that are merged and in order: what a store answers that has nothing faster."""
    mine = [rollup for rollup in rollups if rollup.channel == channel]
    return Samples(
        channel=channel,
        metric=metric,
        starts_at=[rollup.window_start for rollup in mine],
        windows_s=[rollup.window_s for rollup in mine],
        values=[value_of(rollup, metric) for rollup in mine],
    )
