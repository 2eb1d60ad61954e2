"""The forecast stage of the tick: grade what has come due, then say what is to come.

What is graded is the single window that ends at origin + horizon: the forecast for it against the value measured
in it. Skill is always against the last value at the same origins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foreroute.core.findings import Forecast, ForecastSkill
from foreroute.core.ids import ChannelId
from foreroute.core.ports import FittedForecaster, Forecaster
from foreroute.core.series import Metric, Series
from foreroute.forecast.book import BookSettings, SeriesBook, Totals
from foreroute.forecast.naive import NAIVE, Naive

Key = tuple[ChannelId, Metric]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSettings:
    """Seconds; `outcomes_min` graded forecasts are needed before anything may have a vote."""

    step_s: float = 60.0
    horizons_s: tuple[float, ...] = (900.0, 3600.0)
    """Where forecasts are graded. The first decides the weights of the models, the largest how far they reach."""
    coverage: float = 0.8
    outcomes_min: int = 20
    fit_every_s: float = 1800.0
    values_min: int = 10
    """Measured windows needed before anything is forecast at all."""
    warm_windows: int = 360
    """Stored windows that are played through at the start, at most."""

    def book(self) -> BookSettings:
        return BookSettings(
            horizons=tuple(max(1, round(horizon / self.step_s)) for horizon in self.horizons_s),
            coverage=self.coverage,
            outcomes_min=self.outcomes_min,
        )


@dataclass(frozen=True, slots=True)
class Record:
    """Totals over all series and horizons, on the same origins for both. Errors in the metrics' own units."""

    made: int
    graded: int
    mean_absolute_error: float | None
    naive_mean_absolute_error: float | None


@dataclass(frozen=True, slots=True)
class FitJob:
    """One fit, to be run in a worker process."""

    forecaster: Forecaster
    series: Series


@dataclass(frozen=True, slots=True)
class FitResult:
    key: Key
    name: str
    model: FittedForecaster


def run_fit(job: FitJob) -> FitResult:
    """What the worker runs. Raises what the forecaster raises."""
    key = (job.series.channel, job.series.metric)
    return FitResult(key, job.forecaster.name, job.forecaster.fit(job.series))


class ForecastEngine:
    """Holds the fitted models and the record of every series. Deterministic; not for use from two threads.

    `local` forecasters are cheap enough to be fitted at the start of a series without a worker; all are refitted
    in workers every `fit_every_s`. Naive is always among them: it is what the others are measured against.
    """

    def __init__(
        self, settings: ForecastSettings, forecasters: Sequence[Forecaster], local: Iterable[str] = ()
    ) -> None:
        self._settings = settings
        self._book_settings = settings.book()
        self._forecasters = {NAIVE: Naive()} | {forecaster.name: forecaster for forecaster in forecasters}
        self._local = frozenset({NAIVE, *local})
        self._models: dict[Key, dict[str, FittedForecaster]] = {}
        self._books: dict[Key, SeriesBook] = {}
        self._latest: dict[Key, Series] = {}
        self._fitted_at: dict[Key, float] = {}
        self._totals = Totals()
        self._made = 0

    def warm(self, series: Sequence[Series]) -> None:
        """Plays stored history through, so that models have a record at once. No forecast sees its own future."""
        for one in series:
            length = len(one.values)
            first = max(self._settings.values_min, length // 4, length - self._settings.warm_windows)
            for end in range(first, length + 1):
                self._forecast(replace(one, values=one.values[:end]))
        self._made, self._totals = 0, Totals()

    def update(self, series: Sequence[Series]) -> tuple[Forecast, ...]:
        """One combined forecast for each series that has enough measured windows."""
        forecasts = [forecast for one in series if (forecast := self._forecast(one)) is not None]
        self._made += len(forecasts)
        return tuple(forecasts)

    def skills(self) -> tuple[ForecastSkill, ...]:
        """The recent record of every model and of the ensemble, at the settings' horizons."""
        return tuple(
            skill
            for key, book in self._books.items()
            for skill in book.skills(self._latest[key], recent=True)
        )

    def record(self) -> Record:
        """Live forecasts only; what `warm` played through does not count."""
        graded = self._totals.graded
        return Record(
            made=self._made,
            graded=graded,
            mean_absolute_error=self._totals.error / graded if graded else None,
            naive_mean_absolute_error=self._totals.naive_error / graded if graded else None,
        )

    def past_predictions(self, channel: ChannelId, metric: Metric, horizon_s: float) -> Series | None:
        """What was predicted `horizon_s` before, on the window that it was for; NaN where nothing was."""
        book = self._books.get((channel, metric))
        found = book.predictions(round(horizon_s / self._settings.step_s)) if book else []
        return predictions_series(found, channel, metric, self._settings.step_s)

    def due_fits(self, at: float) -> tuple[FitJob, ...]:
        """Fits that are due: every series once, and again every `fit_every_s`."""
        jobs: list[FitJob] = []
        for key, series in self._latest.items():
            if at - self._fitted_at.get(key, float("-inf")) >= self._settings.fit_every_s:
                self._fitted_at[key] = at
                jobs += [FitJob(forecaster, series) for forecaster in self._forecasters.values()]
        return tuple(jobs)

    def adopt(self, result: FitResult) -> None:
        """Swaps a fitted model in. Its record goes on; a new kind of model starts without one."""
        if result.key in self._books:
            self._models[result.key][result.name] = result.model

    def _forecast(self, series: Series) -> Forecast | None:
        if int(np.isfinite(np.asarray(series.values)).sum()) < self._settings.values_min:
            return None
        key = (series.channel, series.metric)
        book = self._books.get(key) or self._open(key, series)
        self._latest[key] = series
        return book.advance(series, self._models[key], self._totals)

    def _open(self, key: Key, series: Series) -> SeriesBook:
        self._models[key] = {
            name: forecaster.fit(series)
            for name, forecaster in self._forecasters.items()
            if name in self._local
        }
        self._books[key] = SeriesBook(series.metric, self._book_settings)
        return self._books[key]


def predictions_series(
    found: Sequence[tuple[float, float]], channel: ChannelId, metric: Metric, step_s: float
) -> Series | None:
    """(end of window, value) pairs, oldest first, on a regular grid. None without any."""
    if not found:
        return None
    start_at = found[0][0] - step_s
    values = [float("nan")] * round((found[-1][0] - start_at) / step_s)
    for due_at, value in found:
        values[round((due_at - start_at) / step_s) - 1] = value
    return Series(channel=channel, metric=metric, start_at=start_at, step_s=step_s, values=tuple(values))
