"""The trend of all series at once: a level with at most one change, averaged over where that may have been.

The model is that of `foreroute.forecast.trend`, as matrix products: each pair of begin and end is a shape over the
last two hours, and how well it explains a series is a product of that shape with the series. Spikes were cut when
their minute arrived (`noise`).
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from foreroute.forecast.bank import history
from foreroute.forecast.bank.columns import Array, Columns

_MEMORY: Final = 40.0
_KNOTS: Final = (120.0, 60.0, 45.0, 34.0, 26.0, 20.0, 15.0, 11.0, 8.0, 5.0, 3.0, 0.0)
_GOING_ON_MIN: Final = 6.0
"""A change that began later than this many steps ago may not be extrapolated: it may be noise."""
_GOING_ON_PRIOR: Final = 0.15
_ENDED_PRIOR: Final = 0.30
_RECENT: Final = 8.0
"""Age up to which a change that has ended is a recent one."""
_CARRIED: Final = 15
_FADING: Final = 0.9
"""A change that goes on is carried forward in full for a quarter of an hour of minutes, then fades by this per step."""
_VALUES_MIN: Final = 8
_CHUNK: Final = 512
"""Series at a time: the products then stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """All changes over the last minutes, the newest first: (changes, minutes)."""

    shapes: Array
    squares: Array
    ends: Array
    going_on: Array
    recent: Array
    log_prior_odds: Array
    ages: Array


@dataclass(frozen=True, slots=True)
class Trends:
    """(series) each. `level` now, NaN without a value; `slope` per step, of what goes on.

    Probabilities: `going` that a change is going on, `recent` that one is or has ended within some minutes.
    """

    level: Array
    slope: Array
    going: Array
    recent: Array


def shapes() -> Shapes:
    pairs = np.array(
        [
            (-begin, -end)
            for begin, end in product(_KNOTS, _KNOTS)
            if begin > end and (end > 0 or begin >= _GOING_ON_MIN)
        ],
        dtype=np.float32,
    )
    ages = np.arange(history.TREND, dtype=np.float32)
    found = np.clip(-ages, pairs[:, :1], pairs[:, 1:])
    going_on = pairs[:, 1] == 0.0
    going = np.count_nonzero(going_on)
    prior = np.where(going_on, _GOING_ON_PRIOR / going, _ENDED_PRIOR / (len(pairs) - going))
    log_odds = np.log(prior / (1.0 - _GOING_ON_PRIOR - _ENDED_PRIOR)).astype(np.float32)
    return Shapes(
        found,
        found**2,
        pairs[:, 1],
        going_on.astype(np.float32),
        (pairs[:, 1] >= -_RECENT).astype(np.float32),
        log_odds,
        ages,
    )


def trends(state: Columns, tick: int, table: Shapes) -> Trends:
    values = history.newest(state, "clean", tick, history.TREND)
    parts = [_trends(values[:, at : at + _CHUNK], table) for at in range(0, values.shape[1], _CHUNK)]
    return Trends(*(np.concatenate([part[i] for part in parts]) for i in range(4)))


def carried(steps: int) -> tuple[float, float]:
    """How far a slope of one has carried by the end of `steps`, and on average on the way: (mean, end)."""
    late = np.maximum(np.arange(1, steps + 1, dtype=np.float64) - _CARRIED, 0.0)
    reach = np.cumsum(_FADING**late)
    return float(reach.mean()), float(reach[-1])


def _trends(values: Array, table: Shapes) -> tuple[Array, Array, Array, Array]:
    measured = np.isfinite(values)
    weights = np.where(measured, np.exp(-table.ages / np.float32(_MEMORY))[:, None], np.float32(0.0))
    count = weights.sum(axis=0)
    weights /= np.where(count > 0, count, np.float32(1.0))
    known = np.where(measured, values, np.float32(0.0))
    mean = (weights * known).sum(axis=0)
    deviations = np.where(measured, values - mean, np.float32(0.0))
    variance = (weights * deviations**2).sum(axis=0)
    usable = (measured.sum(axis=0) >= _VALUES_MIN) & (count > 3.0) & (variance > 1e-12 * mean * mean)
    centres = table.shapes @ weights
    scatters = np.maximum(table.squares @ weights - centres**2, np.float32(1e-3))
    products = table.shapes @ (weights * deviations)
    slopes = products / scatters
    explained = np.minimum(products * slopes / np.where(usable, variance, np.float32(1.0)), 1.0 - 1e-6)
    shares = _shares(explained, count, table) * usable
    level = mean + (shares * slopes * (table.ends[:, None] - centres)).sum(axis=0)
    slope = (shares * slopes * table.going_on[:, None]).sum(axis=0)
    going = table.going_on @ shares
    recent = table.recent @ shares
    return np.where(count > 0, level, np.nan), slope, going, recent


def _shares(explained: Array, count: Array, table: Shapes) -> Array:
    """The probability of each change from the variance it explains (Zellner's g-prior with g = count)."""
    rest = 1.0 - explained
    log_odds = 0.5 * (count - 2.0) * np.log1p(count) - 0.5 * (count - 1.0) * np.log1p(count * rest)
    log_odds += table.log_prior_odds[:, None]
    top = np.maximum(log_odds.max(axis=0), 0.0)
    odds = np.exp(log_odds - top)
    return np.asarray(odds / (odds.sum(axis=0) + np.exp(-top)))
