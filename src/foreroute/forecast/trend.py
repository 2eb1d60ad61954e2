"""Level, then at most one change: the recent past as a level that moves along a line from one instant to another.

The value is a + b·clip(t, begin, end). Each pair of begin and end (among them: begun long ago, still going on) is a
model of its own, and so is "no change"; they are averaged by how likely each has made the newest minutes, with
Zellner's g-prior on b, g = n (Liang et al. 2008). A change that is still going on is carried forward, one that has
ended is not. So noise hardly moves the forecast, a step is taken up within minutes, and a ramp is seen as soon as it
stands out from the noise, without waiting for a window to fill with it.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.values import Floats, Known, median, path_forecast

_LAST: Final = 120
_MEMORY: Final = 40.0
"""Steps after which a minute's weight has fallen to 1/e."""
_KNOTS: Final = (120.0, 60.0, 45.0, 34.0, 26.0, 20.0, 15.0, 11.0, 8.0, 5.0, 3.0, 0.0)
"""Ages at which a change may begin or end."""
_GOING_ON_MIN: Final = 6.0
"""A change that began later than this many steps ago may not be extrapolated: it may be noise."""
_CHANGES: Final = tuple(
    (-begin, -end)
    for begin, end in product(_KNOTS, _KNOTS)
    if begin > end and (end > 0 or begin >= _GOING_ON_MIN)
)
_GOING_ON_PRIOR: Final = 0.15
_ENDED_PRIOR: Final = 0.30
"""Probabilities before looking: of a change that goes on and of one that is over, each shared equally by its kind."""
_CARRIED: Final = 15
_FADING: Final = 0.9
"""A change that goes on is carried forward in full for a quarter of an hour of minutes, then fades by this per step."""
_VALUES_MIN: Final = 8
_NEIGHBOURS: Final = 5
_OUTLIER: Final = 3.0


@dataclass(frozen=True, slots=True)
class FittedTrend:
    def forecast(self, series: Series, *, steps: int) -> Forecast:
        return path_forecast(series, steps, "trend", _path, last=_LAST)


@dataclass(frozen=True, slots=True)
class Trend:
    name: str = "trend"

    def fit(self, series: Series) -> FittedForecaster:  # noqa: ARG002 - it adapts at every forecast
        return FittedTrend()


def _path(data: Known, steps: int) -> Floats:
    values = _without_spikes(data.values)
    weights = np.exp(-data.ages / _MEMORY)
    count = float(weights.sum())
    weights /= count
    mean = float(weights @ values)
    deviations = values - mean
    variance = float(weights @ deviations**2)
    if len(values) < _VALUES_MIN or count <= 3.0 or variance <= 1e-12 * mean * mean:
        return np.full(steps, mean)
    changes = np.array(_CHANGES)
    ends = changes[:, 1]
    shapes = np.clip(-data.ages, changes[:, :1], changes[:, 1:])
    centres = shapes @ weights
    shapes -= centres[:, None]
    scatters = np.maximum(shapes**2 @ weights, 1e-9)
    products = shapes @ (weights * deviations)
    slopes = products / scatters
    shares = _shares(np.minimum(products * slopes / variance, 1.0 - 1e-9), ends == 0.0, count)
    level = mean + float(shares @ (slopes * (ends - centres)))
    slope = float(shares @ (slopes * (ends == 0.0)))
    return level + slope * _reach(steps)


def _reach(steps: int) -> Floats:
    """How far a slope of one per step has carried after 1, 2, … steps."""
    late = np.maximum(np.arange(1, steps + 1, dtype=np.float64) - _CARRIED, 0.0)
    return np.asarray(np.cumsum(_FADING**late), dtype=np.float64)


def _shares(explained: Floats, going_on: NDArray[np.bool_], count: float) -> Floats:
    """The probability of each change, from the share of the variance that it explains; what is missing to 1 is none."""
    going = np.count_nonzero(going_on)
    prior = np.where(going_on, _GOING_ON_PRIOR / going, _ENDED_PRIOR / (len(going_on) - going))
    log_odds = _log_bayes_factors(explained, count) + np.log(prior / (1.0 - _GOING_ON_PRIOR - _ENDED_PRIOR))
    top = max(0.0, float(log_odds.max()))
    odds = np.exp(log_odds - top)
    return np.asarray(odds / (odds.sum() + np.exp(-top)), dtype=np.float64)


def _log_bayes_factors(explained: Floats, count: float) -> Floats:
    """Of each change against none, from the share of the variance that it explains (g-prior with g = count)."""
    rest = 1.0 - explained
    return np.asarray(
        0.5 * (count - 2.0) * np.log1p(count) - 0.5 * (count - 1.0) * np.log1p(count * rest),
        dtype=np.float64,
    )


def _without_spikes(values: Floats) -> Floats:
    """Each value within three robust deviations of the median of the five up to it (a causal Hampel filter)."""
    if len(values) < _NEIGHBOURS:
        return values
    padded = np.concatenate([np.full(_NEIGHBOURS - 1, values[0]), values])
    around = np.sort(np.lib.stride_tricks.sliding_window_view(padded, _NEIGHBOURS), axis=1)[
        :, _NEIGHBOURS // 2
    ]
    noise = 1.4826 * median(np.abs(np.diff(values))) / np.sqrt(2.0)
    if noise == 0.0:
        return values
    return np.clip(values, around - _OUTLIER * noise, around + _OUTLIER * noise)
