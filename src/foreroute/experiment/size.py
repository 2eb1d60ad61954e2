"""How many requests an experiment is likely to need, from what requests have been like."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from foreroute.experiment.contrast import difference
from foreroute.experiment.definition import DAY_S, Definition
from foreroute.experiment.measures import ABSOLUTE, LOGARITHMIC, QUANTILES, RANK, Measure
from foreroute.experiment.moments import Moments
from foreroute.experiment.requests import Values
from foreroute.experiment.sequence import half_width

PLANNED_DEFAULT: Final = 5000.0
PAST_MIN: Final = 50
_UNITS_MAX: Final = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of each arm. `fixed` is for whoever looks once, at the end; `sequential` for whoever looks all the time, until
    which the effect is found with the wanted power.
    """

    units: float
    """What the run plans with: `sequential`, or a default where too little is known."""
    fixed: float | None
    sequential: float | None
    days: float | None
    """At the pace of the past; None: unknown."""
    deviation: float | None
    """Of one unit, in the scale of the effect, after what is known before is taken away."""
    variance_removed: float
    past: int
    """How many requests this is estimated from."""


def estimate(definition: Definition, past: Sequence[tuple[Values, Values]], *, seconds: float) -> Size:
    """`past`: values and what was known before, of requests of the last `seconds`. Requests count as independent: of
    users, keys and sessions more are needed, the more alike the requests of one are.
    """
    measure = definition.measure
    found = _deviation(measure, past)
    if found is None:
        return Size(
            units=PLANNED_DEFAULT,
            fixed=None,
            sequential=None,
            days=None,
            deviation=None,
            variance_removed=0.0,
            past=len(past),
        )
    deviation, removed = found
    effect = definition.effect if measure in ABSOLUTE else math.log1p(definition.effect)
    alpha = definition.alpha / (len(definition.arms) - 1)
    fixed = fixed_units(deviation, effect, alpha=alpha, power=definition.power)
    sequential = sequential_units(deviation, effect, alpha=alpha, power=definition.power)
    a_day = len(past) / seconds * DAY_S * definition.share if seconds > 0.0 else 0.0
    return Size(
        units=min(max(sequential, 500.0), 1e6),
        fixed=fixed,
        sequential=sequential,
        days=sequential * len(definition.arms) / a_day if a_day else None,
        deviation=deviation,
        variance_removed=removed,
        past=len(past),
    )


def fixed_units(deviation: float, effect: float, *, alpha: float, power: float) -> float:
    """The textbook's: 2 σ² (z₁₋α/₂ + z_power)² / effect²."""
    normal = NormalDist()
    wanted = normal.inv_cdf(1.0 - alpha / 2.0) + normal.inv_cdf(power)
    return math.ceil(2.0 * (deviation * wanted / effect) ** 2)


def sequential_units(deviation: float, effect: float, *, alpha: float, power: float) -> float:
    """Where the half width, tightest there, and the estimate's own error leave the effect its power."""
    error = NormalDist().inv_cdf(power)

    def reaches(units: float) -> bool:
        variance = 2.0 * deviation**2 / units
        half = float(half_width(variance, units / 2.0, units / 2.0, alpha))
        return half + error * math.sqrt(variance) <= effect

    low, high = 1.0, 2.0
    while not reaches(high) and high < _UNITS_MAX:
        low, high = high, high * 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return math.ceil(high)


def request_pairs(past: Sequence[tuple[Values, Values]], measure: Measure) -> list[tuple[float, float]]:
    """(value, known before) of those that have both; what was not known is its mean."""
    base = QUANTILES.get(measure, measure)
    known = [before[base] for _, before in past if base in before]
    usual = sum(known) / len(known) if known else 0.0
    return [(values[base], before.get(base, usual)) for values, before in past if base in values]


def _deviation(measure: Measure, past: Sequence[tuple[Values, Values]]) -> tuple[float, float] | None:
    pairs = request_pairs(past, measure)
    if len(pairs) < PAST_MIN:
        return None
    moments = Moments()
    for value, before in pairs:
        moments.add(1.0, value, before)
    if measure in QUANTILES:
        return _quantile_deviation([value for value, _ in pairs]), 0.0
    as_ratio = not (measure in LOGARITHMIC or measure in ABSOLUTE)
    if as_ratio and moments.mean <= 0.0:
        return None
    both = difference(moments, moments, as_ratio=as_ratio)
    variance = float(both.variance) * moments.units / 2.0
    return (math.sqrt(variance), float(both.removed)) if variance > 0.0 else None


def _quantile_deviation(values: list[float]) -> float:
    """Of the logarithm of a percentile, for one unit: √(p (1 − p)) over the density there, seen between neighbours.
    The exact interval is wider than the normal one by about a half.
    """
    ordered = sorted(values)
    step = 0.02
    ends = [ordered[min(len(ordered) - 1, int((RANK + sign * step) * len(ordered)))] for sign in (-1, 1)]
    density = 2.0 * step / max(ends[1] - ends[0], 1e-6)
    return 1.5 * math.sqrt(RANK * (1.0 - RANK)) / density
