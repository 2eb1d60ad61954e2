"""Prediction intervals from what the forecasts got wrong before (conformal prediction).

Residuals are relative: outcome / forecast − 1. The interval is the forecast times their quantiles, the miss rate that
these aim at adapting to the misses seen (adaptive conformal inference, Gibbs & Candès 2021).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

_KEPT = 300
_ENOUGH = 15
_PRIOR = 0.35
"""Half-width, relative, that a forecast has before it has a record."""
_LEARNING_RATE = 0.02


@dataclass(slots=True)
class Residuals:
    """The record of one series at one horizon."""

    coverage: float
    misses_wanted: float = field(init=False)
    values: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def __post_init__(self) -> None:
        self.misses_wanted = 1.0 - self.coverage

    def add(self, outcome: float, mean: float, *, inside: bool) -> None:
        if mean > 0:
            self.values.append(outcome / mean - 1.0)
            missed = 0.0 if inside else 1.0
            moved = self.misses_wanted + _LEARNING_RATE * ((1.0 - self.coverage) - missed)
            self.misses_wanted = min(max(moved, 0.01), 0.6)

    def width(self) -> tuple[float, float]:
        """Relative distances below and above the forecast, both ≥ 0. The prior fades as the record grows."""
        if not self.values:
            return _PRIOR, _PRIOR
        tail = self.misses_wanted / 2.0
        low, high = np.quantile(np.fromiter(self.values, float), [tail, 1.0 - tail])
        trust = min(1.0, len(self.values) / _ENOUGH)
        below, above = max(0.0, -float(low)), max(0.0, float(high))
        return trust * below + (1 - trust) * _PRIOR, trust * above + (1 - trust) * _PRIOR


def widths_by_step(
    horizons: Sequence[int], widths: Sequence[tuple[float, float]], steps: int
) -> list[tuple[float, float]]:
    """Widths for 1 … `steps` from those at the graded horizons, along the root of the horizon; never narrowing."""
    at = np.sqrt(np.asarray(horizons, dtype=np.float64))
    grid = np.sqrt(np.arange(1, steps + 1, dtype=np.float64))
    sides = [np.maximum.accumulate(np.interp(grid, at, [width[side] for width in widths])) for side in (0, 1)]
    return list(zip(sides[0].tolist(), sides[1].tolist(), strict=True))
