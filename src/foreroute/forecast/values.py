"""What the models share: the known values of a series, and a forecast made of a path and a relative width."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foreroute.core.findings import Forecast
from foreroute.core.series import Metric, Series

Floats = NDArray[np.float64]
MODEL_COVERAGE = 0.8
_WIDTH_NOW, _WIDTH_GROWTH = 0.25, 0.03
_BASE_VALUES = 30


@dataclass(frozen=True, slots=True)
class Known:
    """The measured minutes of a series: `ages` in steps before the origin (0 = the newest), oldest first."""

    ages: Floats
    values: Floats

    def __len__(self) -> int:
        return len(self.values)


def known(series: Series, *, last: int | None = None) -> Known:
    """The measured values among the `last` newest steps (all, if None)."""
    values = np.asarray(series.values if last is None else series.values[-last:], dtype=np.float64)
    ages = np.arange(len(values) - 1, -1, -1, dtype=np.float64)
    measured = np.isfinite(values)
    return Known(ages[measured], values[measured])


def path_forecast(
    series: Series,
    steps: int,
    model: str,
    path: Callable[[Known, int], Floats],
    *,
    last: int | None = None,
) -> Forecast:
    """A forecast from a model's mean path, with a wide prior interval that grows with the horizon.

    The engine replaces the interval by one that its own residuals have earned. Without a single measured
    value every number is NaN: nothing is known, and nothing is made up.
    """
    data = known(series, last=last)
    ceiling = 1.0 if series.metric is Metric.FAILURE_RATIO else np.inf
    mean = np.full(steps, np.nan) if len(data) == 0 else bounded(path(data, steps), data)
    mean = np.clip(mean, 0.0, ceiling)
    width = mean * (_WIDTH_NOW + _WIDTH_GROWTH * np.sqrt(np.arange(1, steps + 1)))
    return Forecast(
        channel=series.channel,
        metric=series.metric,
        origin_at=series.end_at,
        step_s=series.step_s,
        mean=tuple(mean.tolist()),
        lower=tuple((mean - width).tolist()),
        upper=tuple(np.minimum(mean + width, ceiling).tolist()),
        coverage=MODEL_COVERAGE,
        model=model,
    )


def median(values: Floats) -> float:
    """As `numpy.median`, at a fifth of its cost for the few dozen values that it is asked about here."""
    ordered = np.sort(values)
    middle = len(ordered) // 2
    return float(ordered[middle]) if len(ordered) % 2 else float(ordered[middle - 1] + ordered[middle]) / 2.0


def bounded(path: Floats, data: Known) -> Floats:
    """No extrapolation beyond a fifth or five times of what was usual of late: a runaway trend is an error."""
    base = median(data.values[-_BASE_VALUES:])
    return path if base <= 0 else np.clip(path, 0.2 * base, 5.0 * base)
