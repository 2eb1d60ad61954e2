"""Whether an unusual latency is the channel's doing, or that of what is asked of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from foreroute.core.findings import Anomaly
from foreroute.core.rollup import Rollup
from foreroute.core.series import FIRST_CHUNK_METRICS, Metric
from foreroute.detect.mix import Load, elasticities_of, split

_LATENCIES: Final = frozenset(
    {
        Metric.LATENCY_P50,
        Metric.LATENCY_P95,
        Metric.LATENCY_MEAN,
        Metric.FIRST_CHUNK_P50,
        Metric.FIRST_CHUNK_P95,
    }
)
_BEFORE_S: Final = 3600.0
"""What was usual is looked for in so long a time before the trouble."""

Merge = Callable[[Sequence[Rollup]], Rollup]


def explained(anomalies: Iterable[Anomaly], rollups: Sequence[Rollup], merge: Merge) -> tuple[Anomaly, ...]:
    """The same, each latency's with its likely cause: longer prompts or answers, more at a time, or the channel.

    `rollups`: the recent minutes of all channels. Without enough of them on both sides nothing is said.
    """
    return tuple(_explained(one, rollups, merge) if one.metric in _LATENCIES else one for one in anomalies)


def _explained(anomaly: Anomaly, rollups: Sequence[Rollup], merge: Merge) -> Anomaly:
    since_at = anomaly.at if anomaly.since_at is None else anomaly.since_at
    mine = [one for one in rollups if one.channel == anomaly.channel and one.attempts]
    before = [one for one in mine if since_at - _BEFORE_S <= one.window_start < since_at]
    now = [one for one in mine if since_at <= one.window_start <= anomaly.at]
    if not before or not now:
        return anomaly
    usual, strange = (_load(some, merge, anomaly.metric) for some in (before, now))
    if not (usual.latency_s > 0.0 and strange.latency_s > 0.0):
        return anomaly
    return replace(anomaly, cause=split(usual, strange, elasticities_of(anomaly.metric)).cause.value)


def _load(rollups: Sequence[Rollup], merge: Merge, metric: Metric) -> Load:
    whole = merge(rollups)
    summary = whole.first_chunk if metric in FIRST_CHUNK_METRICS else whole.latency
    usage = whole.usage
    inputs = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
    measured_s = sum(one.window_s for one in rollups)
    return Load(
        input_tokens=inputs / whole.attempts,
        output_tokens=usage.output_tokens / whole.attempts,
        # Little's law: how many are under way is how many come times how long each stays.
        concurrency=whole.latency.total_s / measured_s,
        latency_s=summary.mean_s or 0.0,
    )
