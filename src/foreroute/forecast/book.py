"""The record of one series: forecasts that wait for their outcome, errors by model and horizon, intervals."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.series import Series
from foreroute.forecast.ensemble import Credibility, Loss, Tracking, combine, weights
from foreroute.forecast.intervals import Residuals, widths_by_step
from foreroute.forecast.values import Floats

ENSEMBLE = "ensemble"
_PREDICTIONS_KEPT = 1500


@dataclass(frozen=True, slots=True)
class Pending:
    """What was said at one origin about one later window."""

    due_at: float
    steps: int
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
    inside: int = 0
    outcomes: int = 0


class SeriesBook:
    """Not a forecaster: it remembers what forecasters said, and what came of it."""

    def __init__(self, horizons: tuple[int, ...], coverage: float, outcomes_min: int) -> None:
        self._outcomes_min = outcomes_min
        self._coverage = coverage
        self.records = {steps: HorizonRecord(Residuals(coverage)) for steps in (1, *horizons)}
        self._decisive = horizons[0]
        self._credibility = Credibility()
        self._tracking: dict[str, Tracking] = {}
        self._pending: deque[Pending] = deque()
        self._predictions: dict[int, deque[tuple[float, float]]] = {
            steps: deque(maxlen=_PREDICTIONS_KEPT) for steps in horizons
        }

    def grade(self, series: Series, totals: Totals) -> None:
        """Pairs every forecast that is due with the window it was for. A window without data grades nobody."""
        while self._pending and self._pending[0].due_at <= series.end_at + 1e-6:
            pending = self._pending.popleft()
            index = round((pending.due_at - series.start_at) / series.step_s) - 1
            outcome = series.values[index] if 0 <= index < len(series.values) else np.nan
            if np.isfinite(outcome):
                self._grade(pending, float(outcome), totals)

    def issue(self, series: Series, paths: dict[str, Floats], steps: int) -> Forecast:
        """The combined forecast, remembered for grading together with every model's own."""
        record = self.records[self._decisive]
        losses = {name: record.losses.setdefault(name, Loss()) for name in paths}
        trust = {name: tracking.trust for name, tracking in self._tracking.items()}
        shares = weights(losses, trust, outcomes_min=self._outcomes_min)
        credibility = self._credibility.factor
        mean = combine(paths, shares, credibility)
        widths = widths_by_step(
            list(self.records), [one.residuals.width() for one in self.records.values()], steps
        )
        below, above = (np.array([width[side] for width in widths]) for side in (0, 1))
        lower, upper = np.maximum(mean * (1.0 - below), 0.0), mean * (1.0 + above)
        if np.all(np.isfinite(mean)):
            raw = combine(paths, shares, 1.0)
            self._remember(series, paths, mean, lower, upper, raw - raw[0])
        return Forecast(
            channel=series.channel,
            metric=series.metric,
            origin_at=series.end_at,
            step_s=series.step_s,
            mean=tuple(mean.tolist()),
            lower=tuple(lower.tolist()),
            upper=tuple(upper.tolist()),
            coverage=self._coverage,
            model=ENSEMBLE,
        )

    def predictions(self, steps: int) -> list[tuple[float, float]]:
        """(end of the window it was for, what was predicted `steps` earlier), oldest first."""
        return list(self._predictions.get(steps, ()))

    def _remember(
        self,
        series: Series,
        paths: dict[str, Floats],
        mean: Floats,
        lower: Floats,
        upper: Floats,
        change: Floats,
    ) -> None:
        for steps in self.records:
            due_at = series.end_at + steps * series.step_s
            means = {
                name: float(path[steps - 1]) for name, path in paths.items() if np.isfinite(path[steps - 1])
            }
            self._pending.append(
                Pending(
                    due_at,
                    steps,
                    means | {ENSEMBLE: float(mean[steps - 1])},
                    float(lower[steps - 1]),
                    float(upper[steps - 1]),
                    float(mean[0]),
                    float(change[steps - 1]),
                )
            )
            if steps in self._predictions:
                self._predictions[steps].append((due_at, float(mean[steps - 1])))
        # Forecasts of several horizons come due out of order of their making.
        self._pending = deque(sorted(self._pending, key=lambda pending: pending.due_at))

    def _grade(self, pending: Pending, outcome: float, totals: Totals) -> None:
        record = self.records[pending.steps]
        for name, mean in pending.means.items():
            record.losses.setdefault(name, Loss()).add(abs(outcome - mean))
            if pending.steps == 1:
                self._tracking.setdefault(name, Tracking()).add(outcome - mean)
        inside = pending.lower <= outcome <= pending.upper
        record.residuals.add(outcome, pending.means[ENSEMBLE], inside=inside)
        record.inside += inside
        record.outcomes += 1
        if pending.steps == self._decisive and pending.change:
            self._credibility.add(pending.change, outcome - pending.level, pending.level)
        if pending.steps in self._predictions and "naive" in pending.means:
            totals.graded += 1
            totals.error += abs(outcome - pending.means[ENSEMBLE])
            totals.naive_error += abs(outcome - pending.means["naive"])
