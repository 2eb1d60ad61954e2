"""A local line whose slope is believed only as far as it stands out from the noise.

A weighted least-squares line through the recent minutes; its slope b is shrunk by b² / (b² + z²·se²), the
empirical-Bayes factor of a slope with standard error se. Where nothing moves, the forecast is the recent level; where
a channel drifts, it is the drift carried on. The line is as long as the newest minutes allow: while they lie to one
side of it, a shorter one is tried (after Lepski 1991). Minutes far off the line count less (Huber 1964).
"""

import math
from dataclasses import dataclass

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.values import Floats, Known, median, path_forecast

_WINDOWS = (40.0, 20.0, 10.0)
"""Steps after which a minute's weight has fallen to 1/e, longest first."""
_NEWEST = 8
_BIAS_MAX = 1.5
"""Standard errors by which the newest minutes may lie to one side of a line before it is thought too long."""
_DOUBT = 1.25
"""z: a slope of this many standard errors is believed by half."""
_DAMPING = 0.99
_VALUES_MIN = 5
"""With fewer, a slope is chance."""


@dataclass(frozen=True, slots=True)
class FittedTrend:
    def forecast(self, series: Series, *, steps: int) -> Forecast:
        return path_forecast(series, steps, "trend", _path, last=4 * int(_WINDOWS[0]))


@dataclass(frozen=True, slots=True)
class Trend:
    name: str = "trend"

    def fit(self, series: Series) -> FittedForecaster:  # noqa: ARG002 - it adapts at every forecast
        return FittedTrend()


@dataclass(frozen=True, slots=True)
class _Line:
    level: float
    """At the centre of weight."""
    slope: float
    """Per step."""
    centre: float
    """Steps from the origin to the centre of weight, negative."""
    scatter: float
    """Weighted variance of the times."""
    residuals: Floats
    weights: Floats
    """Summing to 1."""


def _path(data: Known, steps: int) -> Floats:
    line = _longest_fitting(data)
    slope = _belief(line) * line.slope
    return line.level + slope * (
        np.cumsum(_DAMPING ** np.arange(1, steps + 1, dtype=np.float64)) - line.centre
    )


def _longest_fitting(data: Known) -> _Line:
    line = _robust_line(data, _WINDOWS[0])
    for window in _WINDOWS[1:]:
        newest = line.residuals[-_NEWEST:]
        spread = _spread(line.residuals)
        if spread == 0 or abs(float(newest.sum())) <= _BIAS_MAX * spread * math.sqrt(len(newest)):
            break
        line = _robust_line(data, window)
    return line


def _belief(line: _Line) -> float:
    """The share of the slope that is believed, by how far it stands out from its standard error."""
    if len(line.residuals) < _VALUES_MIN or line.slope == 0.0:
        return 0.0
    effective = 1.0 / float(line.weights @ line.weights)
    variance = float(line.weights @ line.residuals**2) * effective / max(effective - 2.0, 1.0)
    error2 = variance / (effective * line.scatter)
    return line.slope**2 / (line.slope**2 + _DOUBT**2 * error2)


def _robust_line(data: Known, window: float) -> _Line:
    line = _line(data, np.exp(-data.ages / window))
    spread = _spread(line.residuals)
    if spread == 0:
        return line
    return _line(data, line.weights / np.maximum(np.abs(line.residuals) / (2.0 * spread), 1.0))


def _line(data: Known, weights: Floats) -> _Line:
    """Weighted least squares of values on −age."""
    weights = weights / weights.sum()
    centre, level = -float(weights @ data.ages), float(weights @ data.values)
    times = -data.ages - centre
    weighted = weights * times
    scatter = float(weighted @ times)
    slope = float(weighted @ data.values) / scatter if scatter > 0 else 0.0
    return _Line(level, slope, centre, scatter, data.values - (level + slope * times), weights)


def _spread(residuals: Floats) -> float:
    """A standard deviation that outliers do not widen."""
    return 1.4826 * median(np.abs(residuals[-60:]))
