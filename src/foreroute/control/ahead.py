"""What is to come, beside what was: how slow each channel will be and how much it will be asked, relative to a span. Pure.

A latency forecast counts where it has earned a vote; elsewhere the last quarter of an hour stands in, as the naive
forecast would have it. Relative, because a forecast of one number is to move a whole distribution of latencies.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

from foreroute.core.findings import Forecast, WindowTarget
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.decide.snapshot import Outlook

OPTIMUM_SPAN_S: Final = 3600.0
"""What the optimum knows of channels and traffic is of so long."""
RECENT_S: Final = 900.0
_POINTS: Final = 8
_FACTOR_MIN: Final = 0.05
_FACTOR_MAX: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A channel's latency at the horizon as a multiple of its latency over the span, with the interval around it."""

    factor: float = 1.0
    lower: float = 1.0
    upper: float = 1.0
    coverage: float = 0.8
    model: str = ""
    """Empty: no forecast, but what was seen of late."""

    def points(self) -> tuple[float, ...]:
        """Evenly probable values of the factor: the interval is read as a normal one with a width on each side."""
        z = NormalDist().inv_cdf((1.0 + self.coverage) / 2.0)
        above, below = max(0.0, self.upper - self.factor) / z, max(0.0, self.factor - self.lower) / z
        if above <= 0.0 and below <= 0.0:
            return (self.factor,)
        scores = (NormalDist().inv_cdf((place + 0.5) / _POINTS) for place in range(_POINTS))
        return tuple(_bounded(self.factor + score * (above if score > 0 else below)) for score in scores)


AS_SEEN: Final = Course()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """`demand` has (expected, seen) attempts a minute by channel; channels without a forecast are left out."""

    at: float
    courses: Mapping[ChannelId, Course] = field(default_factory=dict)
    demand: Mapping[ChannelId, tuple[float, float]] = field(default_factory=dict)

    def demand_ratio(self, channels: Iterable[str]) -> float:
        """Requests to come per request that was seen, over these channels together: who gets which does not matter."""
        known = [self.demand[ChannelId(one)] for one in channels if ChannelId(one) in self.demand]
        expected, seen = sum(one[0] for one in known), sum(one[1] for one in known)
        return _bounded(expected / seen) if seen > 0 and expected > 0 else 1.0


def ahead_of(
    at: float,
    outlooks: Mapping[ChannelId, Outlook],
    shown: Mapping[ChannelId, Series],
    asked: Mapping[ChannelId, tuple[Series, Forecast | None]],
    *,
    span_s: float,
    horizon_s: float,
) -> Ahead:
    """`shown`: the objective's metric of each channel; `asked`: its attempts, and their forecast."""
    courses = {name: _course(one, outlooks.get(name), span_s) for name, one in shown.items()}
    demand = {name: _demand(one, forecast, span_s, horizon_s) for name, (one, forecast) in asked.items()}
    return Ahead(
        at=at,
        courses={name: one for name, one in courses.items() if one is not None},
        demand={name: one for name, one in demand.items() if one is not None},
    )


def course(level: float, value: float, lower: float, upper: float, *, coverage: float, model: str) -> Course:
    """A forecast beside the level of the span. `level` is above 0."""
    return Course(
        factor=_bounded(value / level),
        lower=_bounded(lower / level),
        upper=_bounded(upper / level),
        coverage=coverage,
        model=model,
    )


def _course(series: Series, outlook: Outlook | None, span_s: float) -> Course | None:
    level = level_of(series, span_s)
    if level is None:
        return None
    if outlook is not None and outlook.has_vote:
        return course(
            level,
            outlook.mean_s,
            outlook.lower_s,
            outlook.upper_s,
            coverage=outlook.coverage,
            model=outlook.model,
        )
    recent = level_of(series, RECENT_S)
    if recent is None:
        return None
    factor = _bounded(recent / level)
    return Course(factor=factor, lower=factor, upper=factor)


def level_of(series: Series, span_s: float) -> float | None:
    """The mean of the last minutes, each counting by its requests; None where nothing was measured."""
    count = max(1, round(span_s / series.step_s))
    values = series.values[-count:]
    weights: Sequence[float] = series.counts[-count:] or (1.0,) * len(values)
    known = [(v, w or 1.0) for v, w in zip(values, weights, strict=True) if math.isfinite(v)]
    total = sum(weight for _, weight in known)
    level = sum(value * weight for value, weight in known) / total if total else 0.0
    return level if level > 0 else None


def _demand(
    series: Series, forecast: Forecast | None, span_s: float, horizon_s: float
) -> tuple[float, float] | None:
    """A minute in which a channel was not asked is a minute with no attempts."""
    count = max(1, round(span_s / series.step_s))
    values = [one if math.isfinite(one) else 0.0 for one in series.values[-count:]]
    if forecast is None or not forecast.mean or not any(values):
        return None
    window = next(
        (
            one
            for one in forecast.windows
            if one.target is WindowTarget.MEAN and one.horizon_s == horizon_s and math.isfinite(one.value)
        ),
        None,
    )
    steps = max(1, round(horizon_s / forecast.step_s))
    path = [one for one in forecast.mean[:steps] if math.isfinite(one)]
    if window is None and not path:
        return None
    expected = sum(path) / len(path) if window is None else window.value
    return max(0.0, expected), sum(values) / len(values)


def attempts_of(
    series: Iterable[Series], forecasts: Mapping[tuple[ChannelId, Metric], Forecast]
) -> dict[ChannelId, tuple[Series, Forecast | None]]:
    return {
        one.channel: (one, forecasts.get((one.channel, Metric.ATTEMPTS)))
        for one in series
        if one.metric is Metric.ATTEMPTS
    }


def _bounded(factor: float) -> float:
    return min(max(factor, _FACTOR_MIN), _FACTOR_MAX)
