"""A local line whose slope is believed only as far as it stands out from the noise.

A weighted least-squares line through the recent minutes; its slope b is shrunk by b² / (b² + z²·se²), the
empirical-Bayes factor of a slope with standard error se. Where nothing moves, the forecast is the recent level; where
a channel drifts, it is the drift carried on. The line is as long as the newest minutes allow: while they lie to one
side of it, a shorter one is tried (after Lepski 1991). Minutes far off the line count less (Huber 1964).
"""

from dataclasses import dataclass

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.values import Floats, Known, path_forecast

_WINDOWS = (40.0, 20.0, 10.0)
"""Steps after which a minute's weight has fallen to 1/e, longest first."""
_NEWEST = 8
_BIAS_MAX = 1.5
"""Standard errors by which the newest minutes may lie to one side of a line before it is thought too long."""
_DOUBT = 1.25
"""z: a slope of this many standard errors is believed by half."""
_DAMPING = 0.99


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
    """At the origin, that is at age 0."""
    slope: float
    """Per step."""
    residuals: Floats
    weights: Floats


def _path(data: Known, steps: int) -> Floats:
    level, slope = _believed(_longest_fitting(data), data)
    return level + slope * np.cumsum(_DAMPING ** np.arange(1, steps + 1, dtype=np.float64))


def _longest_fitting(data: Known) -> _Line:
    line = _robust_line(data, _WINDOWS[0])
    for window in _WINDOWS[1:]:
        newest = line.residuals[-_NEWEST:]
        spread = _spread(line.residuals)
        if spread == 0 or abs(float(np.mean(newest))) <= _BIAS_MAX * spread / np.sqrt(len(newest)):
            break
        line = _robust_line(data, window)
    return line


def _believed(line: _Line, data: Known) -> tuple[float, float]:
    """Level at the origin and slope, the slope shrunk towards none around the line's centre of weight."""
    weights, times = line.weights, -data.ages
    if len(data) < 5:
        return float(np.average(data.values, weights=weights)), 0.0
    centre = float(np.average(times, weights=weights))
    scatter = float(np.average((times - centre) ** 2, weights=weights))
    effective = float(np.sum(weights) ** 2 / np.sum(weights**2))
    variance = float(np.average(line.residuals**2, weights=weights)) * effective / max(effective - 2.0, 1.0)
    error2 = variance / (effective * scatter) if scatter > 0 else np.inf
    belief = line.slope**2 / (line.slope**2 + _DOUBT**2 * error2) if line.slope else 0.0
    return line.level + (1.0 - belief) * line.slope * centre, belief * line.slope


def _robust_line(data: Known, window: float) -> _Line:
    line = _line(data, np.exp(-data.ages / window))
    spread = _spread(line.residuals)
    if spread == 0:
        return line
    outlying = np.maximum(np.abs(line.residuals) / (2.0 * spread), 1.0)
    return _line(data, line.weights / outlying)


def _line(data: Known, weights: Floats) -> _Line:
    """Weighted least squares of values on −age."""
    times = -data.ages
    centre, mean = float(np.average(times, weights=weights)), float(np.average(data.values, weights=weights))
    scatter = float(np.sum(weights * (times - centre) ** 2))
    slope = float(np.sum(weights * (times - centre) * (data.values - mean))) / scatter if scatter > 0 else 0.0
    level = mean - slope * centre
    return _Line(level, slope, data.values - (level + slope * times), weights)


def _spread(residuals: Floats) -> float:
    """A standard deviation that outliers do not widen."""
    return 1.4826 * float(np.median(np.abs(residuals[-60:])))
