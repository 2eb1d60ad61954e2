"""The last value, for ever: the baseline that every other model has to beat."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.values import Floats, Known, path_forecast

NAIVE: Final = "naive"


@dataclass(frozen=True, slots=True)
class FittedNaive:
    """The last measured value, however old."""

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        return path_forecast(series, steps, NAIVE, _last_value)


@dataclass(frozen=True, slots=True)
class Naive:
    name: str = NAIVE

    def fit(self, series: Series) -> FittedForecaster:  # noqa: ARG002 - there is nothing to learn
        return FittedNaive()


def _last_value(data: Known, steps: int) -> Floats:
    return np.full(steps, data.values[-1])
