"""The last value, for ever: the baseline that every other model has to beat."""

from dataclasses import dataclass

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.values import Floats, Known, path_forecast


@dataclass(frozen=True, slots=True)
class FittedNaive:
    def forecast(self, series: Series, *, steps: int) -> Forecast:
        return path_forecast(series, steps, "naive", _last_value)


@dataclass(frozen=True, slots=True)
class Naive:
    name: str = "naive"

    def fit(self, series: Series) -> FittedForecaster:  # noqa: ARG002 - there is nothing to learn
        return FittedNaive()


def _last_value(data: Known, steps: int) -> Floats:
    return np.full(steps, data.values[-1])
