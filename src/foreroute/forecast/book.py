"""The record of one series: forecasts that wait for their outcome, errors by model and horizon, intervals."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from foreroute.core.findings import Forecast, ForecastSkill
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Metric, Series
from foreroute.forecast.ensemble import Credibility, Loss, Tracking, combine, has_vote, weights
from foreroute.forecast.intervals import Residuals, interval, residuals
from foreroute.forecast.naive import NAIVE
from foreroute.forecast.values import Floats

ENSEMBLE: Final = "ensemble"
_PREDICTIONS_KEPT: Final = 1500
_SLACK_S: Final = 1e-6
"""Instants are sums of floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSettings:
    """`horizons`: steps ahead at which forecasts are graded; the first is the one that weights are taken from."""

    horizons: tuple[int, ...]
    coverage: float
    outcomes_min: int


@dataclass(frozen=True, slots=True)
class Pending:
    """What was said at one origin about one later window."""

    due_at: float
    means: dict[str, float]
    lower: float
    upper: float
    level: float
    change: float
    """The change that the models predicted, before it was scaled by its credibility."""


@dataclass(slots=True)
class Totals:
    graded: int = 0
    error: float = 0.0
    naive_error: float = 0.0


@dataclass(slots=True)
class HorizonRecord:
    residuals: Residuals
    losses: dict[str, Loss] = field(default_factory=dict)
    pending: deque[Pending] = field(default_factory=deque)
    predictions: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_PREDICTIONS_KEPT))
    """(end of the window it was for, mean), oldest first."""
    inside: int = 0
    outcomes: int = 0


class SeriesBook:
    """Not a forecaster: it remembers what forecasters said, and what came of it.

    What is graded is the single window that ends at origin + horizon, once it has been measured. One step ahead
    is graded too: it tells soonest which model has missed a change.
    """

    def __init__(self, metric: Metric, settings: BookSettings) -> None:
        self._settings = settings
        self._ceiling = 1.0 if metric is Metric.FAILURE_RATIO else np.inf
        self.records = {
            steps: HorizonRecord(residuals(metric, coverage=settings.coverage, steps=steps))
            for steps in sorted({1, *settings.horizons})
        }
        self._credibility = Credibility()
        self._tracking: dict[str, Tracking] = {}
        self._origin_at = -np.inf

    def advance(self, series: Series, models: Mapping[str, FittedForecaster], totals: Totals) -> Forecast:
        """Grades what has come due, then gives the combined forecast and remembers it with every model's own.

        Asked again for an origin that is not newer than the last (a clock set back), it answers and learns nothing.
        """
        steps = max(self._settings.horizons)
        paths = {name: np.asarray(model.forecast(series, steps=steps).mean) for name, model in models.items()}
        is_new = series.end_at > self._origin_at + _SLACK_S
        if is_new:
            self._origin_at = series.end_at
            self._grade_due(series, totals)
        return self._issue(series, paths, remember=is_new)

    def predictions(self, steps: int) -> list[tuple[float, float]]:
        """(end of the window it was for, what was predicted `steps` earlier), oldest first."""
        return list(self.records[steps].predictions) if steps in self._settings.horizons else []

    def skills(self, series: Series, *, recent: bool) -> Iterator[ForecastSkill]:
        """Every model's record and the ensemble's, by horizon; with `recent`, of about the last 120 outcomes."""
        for steps in self._settings.horizons:
            record = self.records[steps]
            for name, loss in sorted(record.losses.items()):
                if loss.outcomes:
                    yield ForecastSkill(
                        channel=series.channel,
                        metric=series.metric,
                        horizon_s=steps * series.step_s,
                        model=name,
                        outcomes=loss.outcomes,
                        mean_absolute_error=loss.recent_mean if recent else loss.mean,
                        naive_mean_absolute_error=loss.naive_recent_mean if recent else loss.naive_mean,
                        coverage=record.inside / record.outcomes if name == ENSEMBLE else None,
                        has_vote=has_vote(loss, outcomes_min=self._settings.outcomes_min),
                    )

    def _grade_due(self, series: Series, totals: Totals) -> None:
        """Pairs every forecast that is due with the window it was for. A window without data grades nobody."""
        for steps, record in self.records.items():
            while record.pending and record.pending[0].due_at <= series.end_at + _SLACK_S:
                pending = record.pending.popleft()
                index = round((pending.due_at - series.start_at) / series.step_s) - 1
                outcome = series.values[index] if 0 <= index < len(series.values) else np.nan
                if np.isfinite(outcome):
                    self._grade(steps, record, pending, float(outcome), totals)

    def _issue(self, series: Series, paths: dict[str, Floats], *, remember: bool) -> Forecast:
        decisive = self.records[self._settings.horizons[0]]
        losses = {name: decisive.losses.setdefault(name, Loss()) for name in paths}
        trust = {name: tracking.trust for name, tracking in self._tracking.items()}
        shares = weights(losses, trust, outcomes_min=self._settings.outcomes_min)
        mean = np.minimum(combine(paths, shares, self._credibility.factor), self._ceiling)
        lower, upper = interval(
            mean,
            {steps: record.residuals.width() for steps, record in self.records.items()},
            offset=decisive.residuals.offset,
            stale=_stale(series),
        )
        upper = np.minimum(upper, self._ceiling)
        if remember and np.isfinite(mean).all():
            raw = combine(paths, shares, 1.0)
            self._remember(series, paths, (mean, lower, upper, raw - raw[0]))
        return Forecast(
            channel=series.channel,
            metric=series.metric,
            origin_at=series.end_at,
            step_s=series.step_s,
            mean=tuple(mean.tolist()),
            lower=tuple(lower.tolist()),
            upper=tuple(upper.tolist()),
            coverage=self._settings.coverage,
            model=ENSEMBLE,
        )

    def _remember(
        self, series: Series, paths: dict[str, Floats], said: tuple[Floats, Floats, Floats, Floats]
    ) -> None:
        """`said`: mean, lower, upper, and the change before it was scaled."""
        mean, lower, upper, change = said
        for steps, record in self.records.items():
            at = steps - 1
            means = {name: float(path[at]) for name, path in paths.items() if np.isfinite(path[at])}
            means[ENSEMBLE] = float(mean[at])
            due_at = series.end_at + steps * series.step_s
            record.pending.append(
                Pending(due_at, means, float(lower[at]), float(upper[at]), float(mean[0]), float(change[at]))
            )
            record.predictions.append((due_at, means[ENSEMBLE]))

    def _grade(
        self, steps: int, record: HorizonRecord, pending: Pending, outcome: float, totals: Totals
    ) -> None:
        naive_error = abs(outcome - pending.means[NAIVE])
        error = abs(outcome - pending.means[ENSEMBLE])
        for name, mean in pending.means.items():
            record.losses.setdefault(name, Loss()).add(abs(outcome - mean), naive_error)
            if steps == 1:
                self._tracking.setdefault(name, Tracking()).add(outcome - mean)
        inside = pending.lower <= outcome <= pending.upper
        record.residuals.add(outcome, pending.means[ENSEMBLE], inside=inside)
        record.inside += inside
        record.outcomes += 1
        if steps == self._settings.horizons[0] and pending.change:
            self._credibility.add(pending.change, outcome - pending.level, pending.level)
        if steps in self._settings.horizons:
            totals.graded += 1
            totals.error += error
            totals.naive_error += naive_error


def _stale(series: Series) -> float:
    """Steps since the newest measured value."""
    for age, value in enumerate(reversed(series.values)):
        if np.isfinite(value):
            return float(age)
    return float(len(series.values))
