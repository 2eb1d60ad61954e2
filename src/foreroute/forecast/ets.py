"""Error-trend-seasonal state space (Hyndman et al. 2008): the form and its parameters from statsforecast, the state from us.

`fit` runs in a worker process and needs the extra `stats`. What it returns is a handful of numbers; the recursion
over the newest minutes is plain arithmetic, so the process that serves never imports the library.
"""

import math
from dataclasses import dataclass

import numpy as np

from foreroute.core.errors import MissingExtra
from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.values import Floats, Known, known, path_forecast

_MEMORY = 300
_FIT_MIN = 30


@dataclass(frozen=True, slots=True)
class FittedEts:
    """Additive or multiplicative errors, no or (damped) additive trend, in innovations form."""

    alpha: float
    beta: float
    phi: float
    multiplicative: bool
    has_trend: bool

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        return path_forecast(series, steps, "ets", self._path, last=_MEMORY)

    def _path(self, data: Known, steps: int) -> Floats:
        level, trend = float(np.mean(data.values[:5])), 0.0
        for value in data.values.tolist():
            expected = level + self.phi * trend
            error = value - expected
            if self.multiplicative and expected > 0:
                error = max(-0.9, error / expected) * expected
            level = expected + self.alpha * error
            trend = self.phi * trend + self.beta * error
        if not self.has_trend:
            return np.full(steps, level)
        return level + trend * np.cumsum(self.phi ** np.arange(1, steps + 1, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Ets:
    name: str = "ets"

    def fit(self, series: Series) -> FittedForecaster:
        """AutoETS without a season, the form by corrected AIC. Raises MissingExtra without statsforecast."""
        values = known(series).values
        if len(values) < _FIT_MIN or float(np.ptp(values)) == 0.0:
            return FittedEts(alpha=0.2, beta=0.0, phi=1.0, multiplicative=False, has_trend=False)
        try:
            from statsforecast.models import AutoETS  # noqa: PLC0415 - heavy, and only for the worker
        except ImportError:
            raise MissingExtra("statsforecast", "stats", "the forecast model `ets`") from None
        model = AutoETS(season_length=1, model="ZZN").fit(values.astype(np.float64)).model_
        error_form, trend_form = model["components"][0], model["components"][1]
        alpha, beta, _, phi = (_number(value) for value in model["par"][:4])
        return FittedEts(
            alpha=min(max(alpha, 1e-4), 1.0),
            beta=beta if trend_form != "N" else 0.0,
            phi=phi if trend_form != "N" and phi > 0 else 1.0,
            multiplicative=error_form == "M",
            has_trend=trend_form != "N",
        )


def _number(value: object) -> float:
    number = float(value) if isinstance(value, int | float | np.floating) else math.nan
    return number if math.isfinite(number) else 0.0
