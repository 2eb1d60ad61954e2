"""The theta method in its optimised form (Fiorucci et al. 2016): smoothing with a part of the long-run drift.

The forecast h steps ahead is level + (1 − 1/θ)·B·(h − 1 + 1/α), with B the slope of the regression on time: the limit of
the models' equations for a long history. α, θ and B by AutoTheta of statsforecast, in a worker (extra `stats`).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.recursion import Damped, State
from foreroute.forecast.statsforecast import fit_values, library
from foreroute.forecast.values import Floats, Known, path_forecast

_MEMORY: Final = 240
_ALPHA_MIN: Final = 0.01


@dataclass(frozen=True, slots=True)
class FittedTheta:
    """`drift`: (1 − 1/θ)·B per step; `level` is the state at `fitted_at`, from which newer values are taken up."""

    alpha: float = 0.2
    drift: float = 0.0
    level: float = math.nan
    fitted_at: float = math.inf

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        behind = (series.end_at - self.fitted_at) / series.step_s
        model = Damped(self.alpha, 0.0, 1.0)

        def path(data: Known, steps: int) -> Floats:
            if behind < 0:
                state = model.states(data)[-1]
            else:
                start = State(self.level, 0.0, behind)
                newer = data.ages < behind - 0.5
                states = model.states(Known(data.ages[newer], data.values[newer]), start=start)
                state = (start, *states)[-1]
            ahead = np.arange(1, steps + 1, dtype=np.float64) + state.age
            return state.level + self.drift * (ahead - 1.0 + 1.0 / self.alpha)

        return path_forecast(series, steps, "theta", path, last=_MEMORY)


@dataclass(frozen=True, slots=True)
class Theta:
    name: str = "theta"

    def fit(self, series: Series) -> FittedForecaster:
        """AutoTheta without a season on the last day of minutes. Raises MissingExtra without statsforecast."""
        data = fit_values(series)
        if data is None:
            return FittedTheta()
        models = library("models", model=self.name)
        scale = float(np.mean(np.abs(data.values)))
        found = (
            models.AutoTheta(season_length=1, decomposition_type="additive").fit(data.values / scale).model_
        )
        level, _, _, slope, _ = (float(number) for number in found["states"][-1])
        return FittedTheta(
            alpha=max(float(found["par"]["alpha"]), _ALPHA_MIN),
            drift=(1.0 - 1.0 / float(found["par"]["theta"])) * slope * scale,
            level=level * scale,
            fitted_at=series.end_at - float(data.ages[-1]) * series.step_s,
        )
