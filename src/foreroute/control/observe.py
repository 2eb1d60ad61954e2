"""From rollups and findings to what a decision may know about each channel."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreroute.alerts.evidence import Traffic
from foreroute.core.findings import Findings
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, value_of
from foreroute.decide.snapshot import ChannelState, Outlook

Merge = Callable[[Sequence[Rollup]], Rollup]
_EVERYONE: Final = ChannelId("*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One channel over the observation window."""

    now_s: float | None = None
    failure_ratio: float | None = None
    judged: int = 0
    attempts_per_minute: float = 0.0


NOTHING_OBSERVED: Final = Observed()


def observe(
    rollups: Iterable[Rollup], metrics: Mapping[ChannelId, Metric], merge: Merge, *, window_s: float
) -> dict[ChannelId, Observed]:
    """The observation window of each channel in `metrics`; empty windows give an empty `Observed`."""
    by_channel: dict[ChannelId, list[Rollup]] = {channel: [] for channel in metrics}
    for rollup in rollups:
        if rollup.channel in by_channel:
            by_channel[rollup.channel].append(rollup)
    return {
        channel: _observed(merge(found), metrics[channel], window_s) if found else NOTHING_OBSERVED
        for channel, found in by_channel.items()
    }


def observe_all(
    rollups: Iterable[Rollup], metrics: Mapping[ChannelId, Metric], merge: Merge, *, window_s: float
) -> Observed:
    """All channels of `metrics` together, by the metric that most of them are judged by: what users saw."""
    everyone = [replace(rollup, channel=_EVERYONE) for rollup in rollups if rollup.channel in metrics]
    if not everyone:
        return NOTHING_OBSERVED
    metric = Counter(metrics.values()).most_common(1)[0][0]
    return _observed(merge(everyone), metric, window_s)


def traffic_of(observed: Mapping[ChannelId, Observed]) -> dict[ChannelId, Traffic]:
    """The same for alerts."""
    return {
        channel: Traffic(
            attempts_per_minute=seen.attempts_per_minute,
            failure_ratio=seen.failure_ratio,
            now_s=seen.now_s,
        )
        for channel, seen in observed.items()
    }


def late_in(
    observed: Mapping[ChannelId, Observed], limits: Mapping[ChannelId, float]
) -> frozenset[ChannelId]:
    """The channels that miss their objective over the observation window."""
    return frozenset(
        channel
        for channel, seen in observed.items()
        if seen.now_s is not None and channel in limits and seen.now_s > limits[channel]
    )


def _observed(rollup: Rollup, metric: Metric, window_s: float) -> Observed:
    now = value_of(rollup, metric)
    return Observed(
        now_s=now if math.isfinite(now) else None,
        failure_ratio=rollup.failure_ratio,
        judged=rollup.attempts - rollup.ignored - rollup.throttles,
        attempts_per_minute=rollup.attempts * 60.0 / window_s,
    )


def channel_states(
    observed: Mapping[ChannelId, Observed],
    metrics: Mapping[ChannelId, Metric],
    findings: Findings,
    outlooks: Mapping[ChannelId, Outlook],
    measured: Mapping[ChannelId, int],
) -> dict[ChannelId, ChannelState]:
    """`measured`: in how many windows each channel's metric was."""
    prices = {cost.channel: cost.usd_per_request for cost in findings.costs}
    states = {}
    for channel in metrics:
        seen = observed.get(channel, NOTHING_OBSERVED)
        states[channel] = ChannelState(
            now_s=seen.now_s,
            failure_ratio=seen.failure_ratio,
            judged=seen.judged,
            outlook=outlooks.get(channel),
            usd_per_request=prices.get(channel),
            measured=measured.get(channel),
            remedies=tuple(remedy for remedy in findings.remedies if remedy.channel == channel),
        )
    return states
