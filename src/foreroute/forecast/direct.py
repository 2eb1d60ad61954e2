"""Forecasts of models that say the asked-for numbers directly, as quantiles: the window's mean and its last step."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from foreroute.core.findings import Forecast, WindowForecast, WindowTarget
from foreroute.core.series import Metric, Series
from foreroute.forecast.answers import TARGETS
from foreroute.forecast.rows import Grid
from foreroute.forecast.values import MODEL_COVERAGE, Floats

QUANTILES: Final = (0.1, 0.5, 0.9)


_FURTHEST: Final = math.log(5.0)
"""No extrapolation beyond a fifth or five times of the level: as for every other model."""
_FROM_80_TO_95: Final = 1.9600 / 1.2816
"""The half-width of a normal's 95 % interval over its 80 % one; the quantiles are of logarithms."""


def direct_forecasts(
    series: Sequence[Series], answers: Floats, levels: Floats, *, grid: Grid, steps: int, model: str
) -> tuple[Forecast, ...]:
    """One forecast for each series from `answers` (series, targets, horizons, quantiles).

    Answers are logarithms relative to `levels`; a level of NaN gives NaN throughout. The path runs from the level
    through the points at the horizons, straight in the logarithm, and stays where the last one is.
    """
    ordered = np.sort(np.clip(answers, -_FURTHEST, _FURTHEST), axis=-1)
    return tuple(
        _forecast(one, ordered[place], float(levels[place]), grid, steps, model)
        for place, one in enumerate(series)
    )


def _forecast(series: Series, answer: Floats, level: float, grid: Grid, steps: int, model: str) -> Forecast:
    ceiling = 1.0 if series.metric is Metric.FAILURE_RATIO else math.inf

    def value(log: Floats) -> Floats:
        return np.clip(np.exp(level + log) - grid.offset, 0.0, ceiling)

    knots = np.array([0, *grid.horizons], dtype=np.float64)
    points = np.concatenate([np.zeros((1, len(QUANTILES))), answer[1]])
    ahead = np.arange(1, steps + 1, dtype=np.float64)
    lower, mean, upper = (value(np.interp(ahead, knots, points[:, q])) for q in range(len(QUANTILES)))
    return Forecast(
        channel=series.channel,
        metric=series.metric,
        origin_at=series.end_at,
        step_s=series.step_s,
        mean=tuple(mean.tolist()),
        lower=tuple(lower.tolist()),
        upper=tuple(upper.tolist()),
        coverage=MODEL_COVERAGE,
        model=model,
        windows=tuple(
            _window(target, horizon * series.step_s, value(_widened(answer[row, column])))
            for row, target in enumerate(TARGETS)
            for column, horizon in enumerate(grid.horizons)
        ),
    )


def _widened(quantiles: Floats) -> Floats:
    """(2.5, 10, 50, 90, 97.5 %) from (10, 50, 90 %)."""
    low, middle, high = quantiles
    return np.array(
        [
            middle + _FROM_80_TO_95 * (low - middle),
            low,
            middle,
            high,
            middle + _FROM_80_TO_95 * (high - middle),
        ]
    )


def _window(target: WindowTarget, horizon_s: float, values: Floats) -> WindowForecast:
    lower95, lower80, value, upper80, upper95 = values.tolist()
    return WindowForecast(
        target=target,
        horizon_s=horizon_s,
        value=value,
        lower80=lower80,
        upper80=upper80,
        lower95=lower95,
        upper95=upper95,
        n_effective=math.nan,
        floor_ratio=math.nan,
    )
