"""The recursion behind every exponential-smoothing model here: a level and a damped trend, corrected by each error.

expected = level + φ·trend;  level ← expected + α·error;  trend ← φ·trend + β·error (Hyndman et al. 2008, innovations
form; additive and multiplicative errors have the same means). A minute without a value moves the level along the
trend and damps the trend, nothing else.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from foreroute.forecast.values import Floats, Known


class State(NamedTuple):
    """Level and trend per step, as of the window that lies `age` steps before the origin."""

    level: float
    trend: float
    age: float


@dataclass(frozen=True, slots=True)
class Damped:
    """α and β per step and unit of error, φ in 0…1."""

    alpha: float
    beta: float
    phi: float

    def states(
        self, data: Known, *, error_max: float = float("inf"), start: State | None = None
    ) -> list[State]:
        """The state after each known value. An error counts as at most `error_max`, in the metric's unit.

        Without a `start` the first values are averaged, each weighing 1/n until that is less than α: a model
        that hardly learns must not stand on whatever came first.
        """
        values, ages = data.values.tolist(), data.ages.tolist()
        young = start is None
        if start is None:
            start = State(values[0], 0.0, ages[0] + 1.0)
        alpha, beta, phi = self.alpha, self.beta, self.phi
        level, trend, before = start.level, start.trend, start.age
        found = []
        for count, (value, age) in enumerate(zip(values, ages, strict=True), start=1):
            skipped = before - age - 1.0
            if skipped:
                level += trend * self._reach(skipped)
                trend *= phi**skipped
            trend *= phi
            level += trend
            error = value - level
            if error > error_max:
                error = error_max
            elif error < -error_max:
                error = -error_max
            level += (max(alpha, 1.0 / count) if young else alpha) * error
            trend += beta * error
            before = age
            found.append(State(level, trend, age))
        return found

    def path(self, state: State, steps: int) -> Floats:
        """The means of the next `steps` steps after the origin."""
        return np.asarray(state.level + state.trend * self.reaches(steps, after=state.age), dtype=np.float64)

    def reaches(self, steps: int, *, after: float = 0.0) -> Floats:
        """φ + φ² + … up to φ^(after + h), for h = 1 … steps: how far a trend of one carries."""
        ahead = np.arange(1, steps + 1, dtype=np.float64) + after
        if self.phi >= 1.0:
            return ahead
        return np.asarray(self.phi * (1.0 - self.phi**ahead) / (1.0 - self.phi), dtype=np.float64)

    def _reach(self, steps: float) -> float:
        return steps if self.phi >= 1.0 else float(self.phi * (1.0 - self.phi**steps) / (1.0 - self.phi))
