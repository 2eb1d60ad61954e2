"""Exponential smoothing with a damped trend (Gardner & McKenzie 1985), its parameters chosen on the channel's own past."""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.recursion import Damped
from foreroute.forecast.values import Floats, Known, known, median, path_forecast

_GRID: Final = tuple(
    Damped(alpha, alpha * share, phi)
    for alpha, share, phi in product((0.05, 0.1, 0.2, 0.35, 0.6), (0.0, 0.02, 0.05, 0.1), (0.9, 0.97))
    if share or phi == 0.9  # without a trend, φ says nothing
)
_HORIZONS: Final = (1, 5, 15)
_BURN_IN: Final = 20
_MEMORY: Final = 160
"""Steps that are filtered: with the slowest smoothing of the grid, older ones weigh less than a thousandth."""
_FIT_VALUES: Final = 720
"""Older minutes say little about which smoothing is right now, and a fit on them all would take long."""
_FIT_MIN: Final = 45
_OUTLIER: Final = 3.0
"""Robust standard deviations that an error counts as at most."""


@dataclass(frozen=True, slots=True)
class FittedSmoothing:
    """A slow trend on an EWMA until there is enough history to choose."""

    model: Damped = Damped(0.2, 0.004, 0.97)  # noqa: RUF009 - a frozen value

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        return path_forecast(series, steps, "smoothing", self._path, last=_MEMORY)

    def _path(self, data: Known, steps: int) -> Floats:
        error_max = _OUTLIER * _spread(data.values)
        return self.model.path(self.model.states(data, error_max=error_max)[-1], steps)


@dataclass(frozen=True, slots=True)
class Smoothing:
    name: str = "smoothing"

    def fit(self, series: Series) -> FittedForecaster:
        """The parameters with the least mean absolute error 1, 5 and 15 steps ahead; defaults for short series."""
        data = known(series, last=_FIT_VALUES)
        if len(data) < _FIT_MIN:
            return FittedSmoothing()
        return FittedSmoothing(min(_GRID, key=lambda model: _error(model, data)))


def _error(model: Damped, data: Known) -> float:
    """The sum over the horizons of the mean absolute error; each forecast uses only what came before it."""
    states = model.states(data, error_max=_OUTLIER * _spread(data.values))
    levels = np.array([state.level for state in states])
    trends = np.array([state.trend for state in states])
    reaches = model.reaches(max(_HORIZONS))
    total = 0.0
    for horizon in _HORIZONS:
        ahead = levels[:-horizon] + trends[:-horizon] * reaches[horizon - 1]
        total += float(np.mean(np.abs(ahead - data.values[horizon:])[_BURN_IN:]))
    return total


def _spread(values: Floats) -> float:
    """A standard deviation that outliers do not widen; never zero."""
    return 1.4826 * median(np.abs(values - median(values))) or float(np.std(values)) or 1.0
