"""One arm against the control by one measure: the effect and the interval around it.

The functions that take moments also take moments of arrays, one element a point in time.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foreroute.experiment import sequence
from foreroute.experiment.buckets import Buckets
from foreroute.experiment.measures import RANK
from foreroute.experiment.moments import Moments

FAILURES_MIN: Final = 20
"""Of each arm, before the logarithm of their ratio says anything."""
_RATIO_STRENGTH: Final = 20.0
"""The mixture over how failures fall to two arms expects their odds within a factor of about two and a half."""
_BURN_IN_BLOCKS: Final = 4
_BLOCKS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """An estimate with its variance, and how many units are behind it, as one number."""

    value: Any
    variance: Any
    units: Any
    removed: Any = 0.0
    """The part of the variance that what was known before has taken away, 0…1."""

    def interval(self, planned: float, alpha: float) -> tuple[Any, Any]:
        half = sequence.half_width(self.variance, self.units, planned, alpha)
        return self.value - half, self.value + half

    def p_value(self, planned: float, alpha: float) -> Any:
        return sequence.p_value(self.value, self.variance, self.units, planned, alpha)


@dataclass(frozen=True, slots=True)
class Interval:
    """`value` may be known where its bounds are not."""

    value: float | None
    lower: float | None
    upper: float | None


UNKNOWN: Final = Interval(None, None, None)


def difference(arm: Moments, control: Moments, *, as_ratio: bool = False) -> Difference:
    """Of means; `as_ratio`: the logarithm of their ratio, for means above zero.

    What X explains is taken away (CUPED: Deng et al. 2013), with the slope that makes the variance least.
    """
    scale_1, scale_0 = (1.0 / arm.mean, 1.0 / control.mean) if as_ratio else (1.0, 1.0)
    value = np.log(arm.mean / control.mean) if as_ratio else arm.mean - control.mean
    raw = arm.variance_of_mean() * scale_1**2 + control.variance_of_mean() * scale_0**2
    spread = arm.variance_of_x() + control.variance_of_x()
    common = arm.covariance() * scale_1 + control.covariance() * scale_0
    known = spread > 1e-15
    slope = np.where(known, common / np.where(known, spread, 1.0), 0.0)
    variance = np.maximum(raw - slope * common, 1e-3 * raw)
    units = arm.units * control.units / (arm.units + control.units)
    removed = np.where(raw > 0.0, 1.0 - variance / np.where(raw > 0.0, raw, 1.0), 0.0)
    return Difference(value - slope * (arm.mean_x - control.mean_x), variance, units, removed)


def paired(pairs: Moments) -> Difference:
    return Difference(pairs.mean, pairs.variance_of_mean(), pairs.units)


def failure_ratio(
    failed: float, failed_control: float, *, share: float, share_control: float, alpha: float
) -> Interval:
    """How many times as many requests fail in the arm. Exact at any sample size, however the ratio moves with time.

    Each failure is one of the arm's with the probability of its share if the arms fail alike, so that only failures
    have to be looked at (Lindon & Malek 2022). Requests must have been assigned one by one.
    """
    centre = share / (share + share_control)
    total = failed + failed_control
    lower, upper = sequence.ratio_interval(failed, total, alpha, centre=centre, strength=_RATIO_STRENGTH)
    even = (1.0 - centre) / centre
    value = None if not total else _odds(failed / total) * even
    return Interval(value, _odds(lower) * even, _odds(upper) * even)


def quantile_ratio(arm: Buckets, control: Buckets, *, planned: float, alpha: float) -> Interval:
    """How many times as long a percentile is, for any distribution. Each arm's interval has half of α."""
    if not arm.total or not control.total:
        return UNKNOWN
    value = math.exp(arm.quantile(RANK) - control.quantile(RANK))
    one, other = (_quantile(buckets, planned, alpha / 2.0) for buckets in (arm, control))
    if one is None or other is None:
        return Interval(value, None, None)
    lower, upper = one[0] - other[1], one[1] - other[0]
    return Interval(value, _exp(lower), _exp(upper))


def block_interval(
    differences: list[float], *, planned_blocks: float, alpha: float
) -> tuple[float, float] | None:
    """Of switchbacks. The first blocks say how large differences are, and are not used for anything else."""
    first, rest = differences[:_BURN_IN_BLOCKS], differences[_BURN_IN_BLOCKS:]
    if not rest:
        return None
    size = sum(one * one for one in first) / len(first)
    blocks = min(max(planned_blocks, 12.0), _BLOCKS_MAX)
    spread = size * blocks / sequence.tightest_ratio(alpha)
    return sequence.symmetric_interval(rest, alpha, spread=spread)


def _quantile(buckets: Buckets, planned: float, alpha: float) -> tuple[float, float] | None:
    strength = max(50.0, planned / sequence.tightest_ratio(alpha))
    ranks = sequence.quantile_ranks(buckets.total, RANK, alpha, strength=strength)
    if ranks is None:
        return None
    lower = -math.inf if ranks[0] < 1 else buckets.edges(ranks[0])[0]
    upper = math.inf if ranks[1] > buckets.total else buckets.edges(ranks[1])[1]
    return lower, upper


def _odds(ratio: float) -> float:
    return math.inf if ratio >= 1.0 else ratio / (1.0 - ratio)


def _exp(value: float) -> float:
    return math.inf if value > 700.0 else math.exp(value)
