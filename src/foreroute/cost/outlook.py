"""What the rest of a period will cost: expected requests × the token mix of late × today's prices. Pure.

Requests of an hour to come are those of the same hour of the days before, newer days counting for more, times the level
of the last hours against the same profile; the level fades with distance, since a busy morning says little about next
week. The interval comes from the method's own past: it is replayed from the same hour of earlier days, and the spread
of those relative errors is what the interval is wide. With too few days it falls back on a usual spread, as
`foreroute.cost.budget` does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

HOUR_S: Final = 3600.0
_DAY: Final = 24
_SHORTEST: Final = 1e-6
"""Less than this of an hour is nothing."""
_Z_80: Final = 1.2815515655446004

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlookSettings:
    """Chosen on half of the clients of recorded LLM traffic, scored on the other half (`bench/cost`)."""

    half_life_days: float = 4.0
    """A day so much older counts half in the profile."""
    level_hours: int = 3
    """Over so many of the last hours the level is taken."""
    level_prior_hours: float = 0.5
    """It is drawn towards 1 as by so many hours of what is usual."""
    fade_hours: float = 12.0
    """So far ahead the level's say is down to 1/e."""
    mix_hours: int = 12
    """The token mix, and so the price of a request, is that of so many of the last hours."""
    replays_min: int = 3
    """Fewer earlier days than this have too little to say about the error."""
    daily_spread_ratio: float = 0.35
    """The usual standard deviation of a day, relative to its mean, where the past says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What is still to come, in the unit of the values that were given. The interval holds 80 %."""

    mean: float
    lower: float
    upper: float
    replays: int
    """From how many earlier days the interval was learnt; 0: from a usual spread."""
    error: float | None = None
    """Mean absolute relative error of what was to come then, on those days."""


def rest_of(values: Floats, hours: float, settings: OutlookSettings | None = None) -> Rest:
    """The sum over the next `hours` (≥ 0, fractions too) after hourly `values`, oldest first, none missing."""
    chosen = settings or OutlookSettings()
    if hours < _SHORTEST or len(values) == 0:
        return Rest(mean=0.0, lower=0.0, upper=0.0, replays=0)
    mean = _sum_ahead(values, hours, chosen)
    errors = _replayed(values, hours, chosen)
    if len(errors) < chosen.replays_min:
        spread = _Z_80 * chosen.daily_spread_ratio * math.sqrt(_DAY / hours + _DAY / len(values))
        lower, upper = mean * max(0.0, 1.0 - spread), mean * (1.0 + spread)
        return Rest(mean=mean, lower=lower, upper=upper, replays=0)
    # The 80 % quantile of the absolute relative error with the correction of a finite sample: the rank
    # ⌈0.8 (n + 1)⌉ of n (conformal prediction, Vovk et al. 2005).
    ranked = np.sort(np.abs(errors))
    rank = min(len(ranked), math.ceil(0.8 * (len(ranked) + 1)))
    width = float(ranked[rank - 1])
    return Rest(
        mean=mean,
        lower=mean * max(0.0, 1.0 - width),
        upper=mean * (1.0 + width),
        replays=len(errors),
        error=float(ranked.mean()),
    )


def ahead(values: Floats, steps: int, settings: OutlookSettings | None = None) -> Floats:
    """Each of the next `steps` hours."""
    chosen = settings or OutlookSettings()
    if len(values) == 0:
        return np.zeros(steps)
    profile = _profile(values, steps, chosen)
    recent = values[-chosen.level_hours :]
    known = values[: -chosen.level_hours]
    if len(known) < _DAY:
        return profile
    expected = _profile(known, len(recent), chosen).sum()
    # As if some usual hours had been as expected: a client that is hardly ever there has no level.
    usual = chosen.level_prior_hours * float(values.mean())
    level = float((recent.sum() + usual) / (expected + usual)) if expected + usual > 0 else 1.0
    say = np.exp(-np.arange(steps) / chosen.fade_hours)
    return np.asarray(profile * level**say)


def shares(parts: Sequence[float], whole: float) -> tuple[float, ...]:
    """Forecasts of parts brought to add up to that of the whole, in proportion."""
    total = sum(parts)
    return tuple(part * whole / total for part in parts) if total > 0 else tuple(0.0 for _ in parts)


def _sum_ahead(values: Floats, hours: float, settings: OutlookSettings) -> float:
    steps = math.ceil(hours)
    path = ahead(values, steps, settings)
    if steps > hours:  # the first hour has begun already
        path[0] *= 1.0 - (steps - hours)
    return float(path.sum())


def _profile(values: Floats, steps: int, settings: OutlookSettings) -> Floats:
    """The weighted mean of the same hour of the days before; with less than a day, the mean of all."""
    days = len(values) // _DAY
    if days == 0:
        return np.full(steps, float(values.mean()))
    table = values[len(values) - days * _DAY :].reshape(days, _DAY)
    weights = 0.5 ** (np.arange(days)[::-1] / settings.half_life_days)
    typical = weights @ table / weights.sum()
    return np.asarray(np.resize(typical, steps))


def _replayed(values: Floats, hours: float, settings: OutlookSettings) -> Floats:
    """Relative errors of the same question, asked at the same hour of earlier days."""
    steps = math.ceil(hours)
    errors = []
    for origin in range(len(values) - _DAY, 2 * _DAY - 1, -_DAY):
        came = float(values[origin : origin + steps].sum())
        if origin + steps <= len(values) and came > 0:
            said = float(ahead(values[:origin], steps, settings).sum())
            if said > 0:
                errors.append((came - said) / said)
    return np.array(errors)
