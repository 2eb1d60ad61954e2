"""Prediction intervals from what the forecasts got wrong before (conformal prediction).

Residuals are relative, (outcome + o) / (forecast + o) − 1, since latencies vary in proportion to their size; the
offset o keeps them finite where a metric is often zero. The interval is the forecast times their order statistics,
and the miss rate that these aim at adapts to the misses seen (adaptive conformal inference, Gibbs & Candès 2021).
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from foreroute.core.series import Metric
from foreroute.forecast.values import Floats, prior_width

_KEPT: Final = 300
_ENOUGH: Final = 15
_LEARNING_RATE: Final = 0.02
OFFSETS: Final[Mapping[Metric, float]] = {
    Metric.FAILURE_RATIO: 0.02,
    Metric.ATTEMPTS: 1.0,
    Metric.THROTTLES: 1.0,
    Metric.COST_USD: 1e-4,
}
"""What is added to a metric that is often zero before ratios or logarithms are taken of it, in its own unit."""


@dataclass(frozen=True, slots=True)
class Width:
    """Distances below and above the forecast, relative to forecast + offset; both ≥ 0."""

    below: float
    above: float


@dataclass(slots=True)
class Residuals:
    """The record of one series at one horizon."""

    coverage: float
    prior: float
    """Half-width before there is a record; it fades as the record grows."""
    offset: float
    misses_wanted: float = field(init=False)
    values: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def __post_init__(self) -> None:
        self.misses_wanted = 1.0 - self.coverage

    def add(self, outcome: float, mean: float, *, inside: bool) -> None:
        if mean + self.offset > 0:
            self.values.append((outcome + self.offset) / (mean + self.offset) - 1.0)
            missed = 0.0 if inside else 1.0
            moved = self.misses_wanted + _LEARNING_RATE * ((1.0 - self.coverage) - missed)
            self.misses_wanted = min(max(moved, 0.01), 0.6)

    def width(self) -> Width:
        count = len(self.values)
        if count == 0:
            return Width(self.prior, self.prior)
        ordered = sorted(self.values)
        # The conformal rank: with n residuals, the ⌈(n + 1)(1 − tail)⌉-th, each tail taking half of the misses.
        rank = min(math.ceil((count + 1) * (1.0 - self.misses_wanted / 2.0)), count)
        below, above = max(0.0, -ordered[count - rank]), max(0.0, ordered[rank - 1])
        trust = min(1.0, count / _ENOUGH)
        prior = (1.0 - trust) * self.prior
        return Width(trust * below + prior, trust * above + prior)


def residuals(metric: Metric, *, coverage: float, steps: int) -> Residuals:
    """An empty record for one horizon of a metric."""
    return Residuals(coverage, prior_width(steps), OFFSETS.get(metric, 0.0))


def interval(
    mean: Floats, widths: Mapping[int, Width], *, offset: float, stale: float = 0.0
) -> tuple[Floats, Floats]:
    """Lower and upper bounds of a forecast, from the widths at the graded horizons (steps → width, ascending).

    Between them the width follows the root of the horizon; it never narrows. A forecast whose newest value is
    `stale` steps old is as unsure as one for that much later. Nothing here is negative.
    """
    at = np.sqrt(np.array(list(widths), dtype=np.float64))
    grid = np.sqrt(np.arange(1, len(mean) + 1, dtype=np.float64) + stale)
    size = mean + offset
    sides = ([width.below for width in widths.values()], [width.above for width in widths.values()])
    below, above = (
        np.maximum.accumulate(np.interp(grid, at, np.maximum.accumulate(side)) * size) for side in sides
    )
    return np.maximum(mean - below, 0.0), mean + above
