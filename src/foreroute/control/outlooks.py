"""What is expected of each channel's objective: from its own forecast, or from that of how slow the channel will be.

A percentile of a minute with few requests is mostly noise, and noise cannot be forecast. How slow the same requests
were for what they asked is known much better, and in the same minutes one is about proportional to the other. So
where the slowdown's forecast has earned a vote, the objective is expected to move with it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

from foreroute.core.findings import Findings, Forecast
from foreroute.core.ids import ChannelId
from foreroute.core.series import FIRST_CHUNK_METRICS, Metric, Series
from foreroute.decide.snapshot import Outlook

SLOWDOWNS: Final = (Metric.FIRST_CHUNK_SLOWDOWN, Metric.LATENCY_SLOWDOWN)
_RECENT: Final = 60
_ENOUGH: Final = 20
"""Minutes in which both were measured, of the newest ones, to know their proportion by."""

_Key = tuple[ChannelId, Metric]


def slowdown_of(metric: Metric) -> Metric:
    """The slowdown that a latency moves with."""
    return SLOWDOWNS[0] if metric in FIRST_CHUNK_METRICS else SLOWDOWNS[1]


def outlooks(
    metrics: Mapping[ChannelId, Metric], series: Iterable[Series], findings: Findings, *, horizon_s: float
) -> dict[ChannelId, Outlook]:
    """By channel, of its objective's metric. Channels that nothing is forecast of are left out."""
    votes = {(s.channel, s.metric): s.has_vote for s in findings.skills if s.horizon_s == horizon_s}
    known = {(one.channel, one.metric): one for one in series}
    found = {}
    for channel, metric in metrics.items():
        outlook = _by_slowdown(channel, metric, known, findings, votes, horizon_s)
        if outlook is None or not outlook.has_vote:
            own = findings.forecasts.get((channel, metric))
            outlook = _outlook(own, 1.0, votes, horizon_s, model=None)
        if outlook is not None:
            found[channel] = outlook
    return found


def _by_slowdown(
    channel: ChannelId,
    metric: Metric,
    known: Mapping[_Key, Series],
    findings: Findings,
    votes: Mapping[_Key, bool],
    horizon_s: float,
) -> Outlook | None:
    slowdown = slowdown_of(metric)
    own, slow = known.get((channel, metric)), known.get((channel, slowdown))
    forecast = findings.forecasts.get((channel, slowdown))
    if own is None or slow is None or forecast is None or metric in SLOWDOWNS:
        return None
    pairs = zip(own.values[-_RECENT:], slow.values[-_RECENT:], strict=True)
    scales = [value / ratio for value, ratio in pairs if ratio > 0 and math.isfinite(value)]
    if len(scales) < _ENOUGH:
        return None
    return _outlook(forecast, median(scales), votes, horizon_s, model="slowdown")


def _outlook(
    forecast: Forecast | None,
    scale: float,
    votes: Mapping[_Key, bool],
    horizon_s: float,
    *,
    model: str | None,
) -> Outlook | None:
    if forecast is None or not (forecast.windows or forecast.mean):
        return None
    point = forecast.at_horizon(horizon_s)
    if not all(map(math.isfinite, (point.mean, point.lower, point.upper))):
        return None
    return Outlook(
        horizon_s=horizon_s,
        mean_s=scale * point.mean,
        lower_s=scale * point.lower,
        upper_s=scale * point.upper,
        coverage=forecast.coverage,
        model=model or forecast.model,
        has_vote=votes.get((forecast.channel, forecast.metric), False),
    )


def steering_keys(metrics: Mapping[ChannelId, Metric]) -> Sequence[_Key]:
    """The series whose forecasts may move shares."""
    return [
        key
        for channel, metric in metrics.items()
        for key in ((channel, metric), (channel, slowdown_of(metric)))
    ]
