"""Exponential smoothing with a damped trend (Gardner & McKenzie 1985), its parameters chosen on the channel's own past."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.values import Floats, Known, known, path_forecast

_GRID = tuple(product((0.05, 0.1, 0.2, 0.35, 0.6), (0.0, 0.02, 0.05, 0.1), (0.9, 0.97)))
_HORIZONS = (1, 5, 15)
_MEMORY = 240
"""Steps that are filtered: with the slowest smoothing of the grid, older ones weigh less than one in a million."""
_FIT_MIN = 45


@dataclass(frozen=True, slots=True)
class FittedSmoothing:
    """level ← level + trend + α·error; trend ← φ·trend + α·β·error. Outliers count as 3 robust deviations."""

    alpha: float = 0.2
    beta: float = 0.02
    phi: float = 0.97

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        return path_forecast(series, steps, "smoothing", self._path, last=_MEMORY)

    def _path(self, data: Known, steps: int) -> Floats:
        parameters = [np.array([value]) for value in (self.alpha, self.beta, self.phi)]
        levels, trends = _filter(data.values, *parameters)
        return np.asarray(levels[-1] + trends[-1] * _damping(self.phi, steps), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Smoothing:
    name: str = "smoothing"

    def fit(self, series: Series) -> FittedForecaster:
        """The parameters with the least mean absolute error 1, 5 and 15 steps ahead; defaults for short series."""
        data = known(series)
        if len(data) < _FIT_MIN:
            return FittedSmoothing()
        alphas, betas, phis = (np.array(column) for column in zip(*_GRID, strict=True))
        levels, trends = _filter(data.values, alphas, betas, phis)
        errors = np.zeros(len(_GRID))
        for horizon in _HORIZONS:
            reach = np.array([_damping(phi, horizon)[-1] for phi in phis])
            ahead = levels[:-horizon] + trends[:-horizon] * reach
            misses = np.abs(ahead - data.values[horizon:, None])[20:]
            errors += misses.mean(axis=0)
        alpha, beta, phi = _GRID[int(np.argmin(errors))]
        return FittedSmoothing(alpha, beta, phi)


def _filter(values: Floats, alphas: Floats, betas: Floats, phis: Floats) -> tuple[Floats, Floats]:
    """Level and trend after each value, for each set of parameters: two arrays of (values, parameter sets)."""
    spread = 1.4826 * float(np.median(np.abs(values - np.median(values)))) or float(np.std(values)) or 1.0
    level = np.full(len(alphas), np.median(values[:5]))
    trend = np.zeros(len(alphas))
    levels, trends = np.empty((len(values), len(alphas))), np.empty((len(values), len(alphas)))
    for index, value in enumerate(values):
        expected = level + phis * trend
        error = np.clip(value - expected, -3.0 * spread, 3.0 * spread)
        level = expected + alphas * error
        trend = phis * trend + alphas * betas * error
        levels[index], trends[index] = level, trend
    return levels, trends


def _damping(phi: float, steps: int) -> Floats:
    """φ + φ² + … + φ^h for h = 1 … steps."""
    return np.cumsum(phi ** np.arange(1, steps + 1, dtype=np.float64))
