"""How many requests stand behind each value of a series: what a detector has to know at low traffic."""

import math
from collections.abc import Mapping, Sequence

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series

Counts = Mapping[tuple[ChannelId, Metric], Sequence[float]]


def counts_behind(
    series: Sequence[Series], rollups: Sequence[Rollup], *, windows: int | None = None
) -> Counts:
    """For the newest `windows` values of each series (all of them without a number), oldest first.

    NaN where no rollup is. Metrics that are themselves counts are left out.
    """
    found: dict[ChannelId, dict[float, Rollup]] = {}
    for rollup in rollups:
        found.setdefault(rollup.channel, {})[rollup.window_start] = rollup
    return {
        (one.channel, one.metric): _behind(one, found.get(one.channel, {}), windows)
        for one in series
        if one.metric not in {Metric.ATTEMPTS, Metric.THROTTLES, Metric.COST_USD}
    }


def _behind(series: Series, rollups: Mapping[float, Rollup], windows: int | None) -> list[float]:
    length = len(series.values)
    first = 0 if windows is None else max(0, length - windows)
    starts = (series.start_at + number * series.step_s for number in range(first, length))
    return [
        math.nan if (one := rollups.get(start)) is None else _count(one, series.metric) for start in starts
    ]


def _count(rollup: Rollup, metric: Metric) -> float:
    match metric:
        case Metric.FAILURE_RATIO:
            return float(rollup.attempts - rollup.ignored - rollup.throttles)
        case Metric.FIRST_CHUNK_P50 | Metric.FIRST_CHUNK_P95:
            return float(rollup.first_chunk.count)
        case _:
            return float(rollup.latency.count)
