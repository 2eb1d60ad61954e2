"""How bad it is for users: requests affected a minute, and how many times the usual that is. Pure."""

from collections.abc import Sequence
from typing import Final

from foreroute.alerts.evidence import Traffic
from foreroute.alerts.values import NO_IMPACT, Impact
from foreroute.core.series import Metric

_EXCESS_MAX: Final = 10.0
"""Ten times the usual is as bad as it gets: beyond that the number of requests decides."""
_USUAL_FAILURES: Final = 0.01
"""What is taken as usual when nothing better is known, and the least that counts as usual."""
_SLOWED: Final = {
    Metric.LATENCY_P50: 0.5,
    Metric.FIRST_CHUNK_P50: 0.5,
    Metric.LATENCY_MEAN: 0.5,
    Metric.LATENCY_P95: 0.05,
    Metric.FIRST_CHUNK_P95: 0.05,
}
"""The part of the requests that is certainly slower than such a value: what a percentile says, and no more."""


def failure_impact(traffic: Traffic, *, usual: float = _USUAL_FAILURES) -> Impact:
    """`usual` is the share of failed attempts on a good day, 0…1."""
    ratio = traffic.failure_ratio or 0.0
    usual = max(usual, _USUAL_FAILURES)
    if ratio <= usual:
        return NO_IMPACT
    return Impact(
        requests_per_minute=traffic.attempts_per_minute * (ratio - usual),
        excess=min(ratio / usual - 1.0, _EXCESS_MAX),
    )


def latency_impact(traffic: Traffic, metric: Metric, value: float, usual: float) -> Impact:
    """Nothing for a metric that is no latency, and for one that is better than usual."""
    slowed = _SLOWED.get(metric, 0.0)
    if not slowed or not usual > 0 or not value > usual:
        return NO_IMPACT
    excess = min(value / usual - 1.0, _EXCESS_MAX)
    return Impact(requests_per_minute=traffic.attempts_per_minute * slowed, excess=excess)


def summed(impacts: Sequence[Impact]) -> Impact:
    """Of channels together: the requests add up, and the excess is their mean, weighted by requests."""
    total = sum(impact.requests_per_minute for impact in impacts)
    if total <= 0:
        return NO_IMPACT
    return Impact(requests_per_minute=total, excess=sum(impact.score for impact in impacts) / total)


def worse(one: Impact, other: Impact) -> Impact:
    return other if other.score > one.score else one
