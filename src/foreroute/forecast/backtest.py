"""How models would have done on a recorded series: rolling origin, delayed feedback, no look-ahead.

At each origin every model sees what had been measured by then and nothing else; the ensemble's weights and
intervals learn only from forecasts whose window had passed. It is the live record's own code on old data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foreroute.core.findings import ForecastSkill
from foreroute.core.ports import FittedForecaster, Forecaster
from foreroute.core.series import Series
from foreroute.forecast.book import BookSettings, SeriesBook, Totals
from foreroute.forecast.engine import predictions_series
from foreroute.forecast.naive import Naive
from foreroute.forecast.smoothing import Smoothing


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSettings:
    """Durations in seconds."""

    horizons_s: tuple[float, ...] = (900.0, 3600.0)
    coverage: float = 0.8
    outcomes_min: int = 20
    first_origin_s: float = 7200.0
    """After the start of the series: what there is to learn from at the first origin."""
    fit_every_s: float = 86_400.0
    window_s: float | None = None
    """How much history a model sees; None: all."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """`skills`: plain means over all outcomes, each model beside the last value on the same ones.

    `predicted`: horizon in seconds → what the ensemble said, on the windows it was for; None if too short a series.
    """

    skills: tuple[ForecastSkill, ...]
    predicted: Mapping[float, Series | None]


def backtest(
    series: Series, forecasters: Sequence[Forecaster], settings: BacktestSettings | None = None
) -> Backtest:
    """The last value and smoothing always take part. Raises what a forecaster's `fit` raises."""
    settings = settings or BacktestSettings()
    taking_part: tuple[Forecaster, ...] = (Naive(), Smoothing(), *forecasters)
    everyone = {one.name: one for one in taking_part}
    steps = {horizon: max(1, round(horizon / series.step_s)) for horizon in settings.horizons_s}
    book = SeriesBook(
        series.metric,
        BookSettings(
            horizons=tuple(steps.values()), coverage=settings.coverage, outcomes_min=settings.outcomes_min
        ),
    )
    models: dict[str, FittedForecaster] = {}
    fitted_at = -np.inf
    for end in range(max(1, round(settings.first_origin_s / series.step_s)), len(series.values) + 1):
        seen = _seen(series, end, settings.window_s)
        if not np.isfinite(seen.values).any():
            continue
        if seen.end_at - fitted_at >= settings.fit_every_s:
            models = {name: one.fit(seen) for name, one in everyone.items()}
            fitted_at = seen.end_at
        book.advance(seen, models, Totals())
    predicted = {
        horizon: predictions_series(book.predictions(ahead), series.channel, series.metric, series.step_s)
        for horizon, ahead in steps.items()
    }
    return Backtest(tuple(book.skills(series, recent=False)), predicted)


def _seen(series: Series, end: int, window_s: float | None) -> Series:
    """What had been measured by the end of window number `end`."""
    start = 0 if window_s is None else max(0, end - round(window_s / series.step_s))
    return replace(series, start_at=series.start_at + start * series.step_s, values=series.values[start:end])
