"""Intervals of means over seeds, and of differences between two policies that played the same seeds. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_CONFIDENCE: Final = 0.95
_STEPS: Final = 200
"""Of Simpson's rule: more than six digits of the quantile."""


class Verdict(StrEnum):
    """What a paired difference of something of which less is better has shown."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference"
    """None was shown: the interval holds 0."""
    UNKNOWN = "unknown"
    """Fewer than two seeds."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval; the bounds are infinite where there are fewer than two values."""

    mean: float
    lower: float
    upper: float

    def verdict(self) -> Verdict:
        """Of a difference (own − other) of something of which less is better."""
        if not math.isfinite(self.lower) or not math.isfinite(self.upper):
            return Verdict.UNKNOWN
        if self.upper < 0.0:
            return Verdict.BETTER
        return Verdict.WORSE if self.lower > 0.0 else Verdict.NO_DIFFERENCE


def estimate(values: Sequence[float]) -> Estimate:
    """Student's interval (1908) of the mean of independent values. Raises ValueError without any."""
    if not values:
        raise ValueError("no values to take the mean of")
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return Estimate(mean, -math.inf, math.inf)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    margin = student_quantile((1.0 + _CONFIDENCE) / 2.0, count - 1) * math.sqrt(variance / count)
    return Estimate(mean, mean - margin, mean + margin)


def paired(own: Sequence[float], other: Sequence[float]) -> Estimate:
    """Of own − other, seed by seed: what both owe to the seed's luck cancels. Raises ValueError if they do not pair."""
    return estimate([mine - theirs for mine, theirs in zip(own, other, strict=True)])


def student_quantile(probability: float, freedom: int) -> float:
    """The quantile (probability 0.5 to 1, the end excluded) of Student's t; `freedom` ≥ 1.

    By Newton's method from 0: the distribution is concave above it, so no step goes too far.
    """
    if not 0.5 <= probability < 1.0 or freedom < 1:
        raise ValueError(f"no quantile of Student's t for {probability} with {freedom} degrees of freedom")
    found = 0.0
    for _ in range(100):
        step = (probability - 0.5 - _mass(found, freedom)) / _density(found, freedom)
        found += step
        if abs(step) < 1e-9 * (1.0 + found):
            break
    return found


def _density(at: float, freedom: int) -> float:
    return _scale(freedom) * math.pow(1.0 + at * at / freedom, -(freedom + 1) / 2.0) / math.sqrt(freedom)


def _mass(end: float, freedom: int) -> float:
    """Between 0 and `end`. In the angle θ with t = √ν tan θ the density is cos^(ν−1) θ, which is smooth and bounded."""
    angle = math.atan(end / math.sqrt(freedom))
    step = angle / _STEPS
    heights = [math.pow(math.cos(step * index), freedom - 1) for index in range(_STEPS + 1)]
    area = heights[0] + heights[-1] + 4.0 * sum(heights[1:-1:2]) + 2.0 * sum(heights[2:-1:2])
    return _scale(freedom) * area * step / 3.0


def _scale(freedom: int) -> float:
    return math.exp(math.lgamma((freedom + 1) / 2.0) - math.lgamma(freedom / 2.0)) / math.sqrt(math.pi)
