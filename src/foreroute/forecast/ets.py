"""Error-trend-seasonal state space (Hyndman et al. 2008): the form and its parameters from statsforecast, the state from us.

`fit` runs in a worker process and needs the extra `stats`. What it returns is a handful of numbers; the recursion
over the newest minutes is plain arithmetic, so the process that serves never imports the library.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.recursion import Damped, State
from foreroute.forecast.statsforecast import fit_values, library
from foreroute.forecast.values import Floats, Known, known, path_forecast

_MEMORY: Final = 240


@dataclass(frozen=True, slots=True)
class FittedEts:
    """`form` is the library's name of what it chose: error, trend (`d`: damped), no season, as in `AAdN`.

    `level` and `trend` are the state at the end of what was fitted, `fitted_at`; a forecast goes on from there with
    the values since. For an origin before that, or without a fit, the state is found from the series alone.
    """

    form: str
    model: Damped
    level: float = math.nan
    trend: float = math.nan
    fitted_at: float = math.inf

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        return path_forecast(
            series, steps, "ets", lambda data, ahead: self._path(series, data, ahead), last=_MEMORY
        )

    def path(self, series: Series, steps: int) -> Floats:
        """The bare means, not bounded: of a series that something was taken off, and may be negative."""
        return self._path(series, known(series, last=_MEMORY), steps)

    def _path(self, series: Series, data: Known, steps: int) -> Floats:
        behind = (series.end_at - self.fitted_at) / series.step_s
        if behind < 0:
            return self.model.path(self.model.states(data)[-1], steps)
        start = State(self.level, self.trend, behind)
        newer = data.ages < behind - 0.5
        states = self.model.states(Known(data.ages[newer], data.values[newer]), start=start)
        return self.model.path((start, *states)[-1], steps)


_YOUNG: Final = FittedEts("ANN", Damped(0.2, 0.0, 1.0))
"""Simple smoothing, for a series that is too short or too flat to fit."""


@dataclass(frozen=True, slots=True)
class Ets:
    name: str = "ets"

    def fit(self, series: Series) -> FittedForecaster:
        """AutoETS without a season, the form by corrected AIC. Raises MissingExtra without statsforecast."""
        data = fit_values(series)
        if data is None:
            return _YOUNG
        models = library("models", model=self.name)
        found = models.AutoETS(season_length=1, model="ZZN").fit(data.values).model_
        return _fitted(found, series.end_at - float(data.ages[-1]) * series.step_s)


def _fitted(found: Mapping[str, Any], fitted_at: float) -> FittedEts:
    """The numbers of the library's answer: components are error, trend, season and damping; states end with the last."""
    error, trend, _, damping = found["components"]
    alpha, beta, _, phi = (float(value) for value in found["par"][:4])
    last = [float(value) for value in found["states"][-1]]
    has_trend, is_damped = trend != "N", damping != "N"
    return FittedEts(
        form=f"{error}{trend}{'d' if is_damped else ''}N",
        model=Damped(alpha, beta if has_trend else 0.0, phi if is_damped else 1.0),
        level=last[0],
        trend=last[1] if has_trend else 0.0,
        fitted_at=fitted_at,
    )
