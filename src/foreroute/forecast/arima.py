"""ARIMA (Box & Jenkins): order and coefficients by AutoARIMA of statsforecast, the newest minutes filtered by ourselves.

φ(B)(w − c) = θ(B)e with w the values differenced d times. `fit` needs the extra `stats` and runs in a worker; between
fits the coefficients stay and the recursion follows the values, as for every statistical model here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.statsforecast import fit_values, library
from foreroute.forecast.values import Floats, Known, path_forecast

_MEMORY: Final = 240
_FIT_MIN: Final = 60
_ORDER_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class FittedArima:
    """`constant`: the mean of the differenced values (the drift, where they are differenced once), per step."""

    ar: tuple[float, ...] = ()
    ma: tuple[float, ...] = (-0.8,)
    differences: int = 1
    constant: float = 0.0

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        return path_forecast(series, steps, "arima", self._path, last=_MEMORY)

    def _path(self, data: Known, steps: int) -> Floats:
        """One pass over the grid from the first value on; a step without one is expected, without an error."""
        length = int(data.ages[0]) + 1
        values = np.full(length + steps, np.nan)
        values[length - 1 - data.ages.astype(np.int64)] = data.values
        given = values.tolist()
        deviations: list[float] = []
        errors: list[float] = []
        for at, measured in enumerate(given):
            base = self._base(given, at)
            expected = base + self.constant + _weighted(self.ar, deviations) + _weighted(self.ma, errors)
            if at < self.differences:  # nothing to difference yet
                expected = base
            value = expected if math.isnan(measured) else measured  # not measured, or to come
            given[at] = value
            deviations.append(value - base - self.constant if at >= self.differences else 0.0)
            errors.append(value - expected if at >= self.differences else 0.0)
        return np.asarray(given[length:], dtype=np.float64)

    def _base(self, values: list[float], at: int) -> float:
        """What the values before make of a difference of zero."""
        if self.differences == 0:
            return 0.0
        if at == 0:
            return values[0]
        if self.differences == 1 or at == 1:
            return values[at - 1]
        return 2.0 * values[at - 1] - values[at - 2]


_YOUNG: Final = FittedArima()
"""Simple smoothing as ARIMA(0, 1, 1), for a series that is too short or too flat to fit."""


@dataclass(frozen=True, slots=True)
class Arima:
    name: str = "arima"

    def fit(self, series: Series) -> FittedForecaster:
        """AutoARIMA without a season on the last day of minutes. Raises MissingExtra without statsforecast."""
        data = fit_values(series, least=_FIT_MIN)
        if data is None:
            return _YOUNG
        models = library("models", model=self.name)
        scale = float(np.mean(np.abs(data.values)))
        found = models.AutoARIMA(season_length=1, max_p=_ORDER_MAX, max_q=_ORDER_MAX).fit(data.values / scale)
        return _fitted(found.model_, scale)


def _fitted(found: Mapping[str, Any], scale: float) -> FittedArima:
    """The numbers of the library's answer: `arma` is (p, q, P, Q, period, d, D), coefficients go by name."""
    p, q, _, _, _, differences, _ = (int(number) for number in found["arma"])
    coefficients = {name: float(value) for name, value in found["coef"].items()}
    constant = coefficients.get("intercept", coefficients.get("drift", 0.0))
    return FittedArima(
        ar=tuple(coefficients[f"ar{lag}"] for lag in range(1, p + 1)),
        ma=tuple(coefficients[f"ma{lag}"] for lag in range(1, q + 1)),
        differences=differences,
        constant=constant * scale,
    )


def _weighted(coefficients: tuple[float, ...], newest_last: list[float]) -> float:
    """Σ coefficient of lag k × the k-th newest value; what lies before the beginning is zero."""
    total = 0.0
    for lag, coefficient in enumerate(coefficients, start=1):
        if lag <= len(newest_last):
            total += coefficient * newest_last[-lag]
    return total
