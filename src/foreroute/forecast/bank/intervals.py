"""Prediction intervals that keep their promise on every series: quantiles of its own residuals, followed online.

A residual is the logarithm of outcome over forecast, in units of its usual size of late. Each bound moves out a
little when it is passed and in when it is not, in the ratio that makes it be passed as often as it should be
(quantile tracking, Angelopoulos, Candès & Tibshirani 2023): whatever the series does, the share in the long run is
right.
"""

from typing import Final

import numpy as np

from foreroute.forecast.bank.columns import Array, Column, Columns

LEVELS: Final = np.array([0.025, 0.1, 0.9, 0.975], dtype=np.float32)[:, None]
"""Shares of outcomes that fall below: of the lower bound for 95 %, the lower for 80 %, the upper for 80 and 95 %."""
_START: Final = np.array([-2.8, -1.6, 1.6, 2.8], dtype=np.float32)
_RATE: Final = 0.08
_RATE_POWER: Final = 0.5
"""Outcomes of longer windows overlap more: a miss is followed by misses, and each must move the bounds less."""
_MEMORY: Final = 50.0
_MEMORY_STEPS: Final = 6.0
"""Outcomes behind the usual size of a residual: so many, and so many more for each step of the horizon."""
_PRIOR_OUTCOMES: Final = np.float32(5.0)
_SIZE_MIN: Final = np.float32(1e-4)
_WIDTH_NOW, _WIDTH_GROWTH = 0.25, 0.03


def columns(horizons: tuple[int, ...]) -> dict[str, Column]:
    shape = (len(horizons), 2)
    return {
        "bounds": Column((*shape, 4), fill=np.broadcast_to(_START, (*shape, 4))),
        "residual_sum": Column(shape),
        "residual_count": Column(shape),
        "inside80": Column(shape, np.int32),
        "inside95": Column(shape, np.int32),
        "graded": Column(shape, np.int32),
    }


def prior_size(steps: int) -> float:
    """The usual size of a residual before there is a record: wide."""
    return float((_WIDTH_NOW + _WIDTH_GROWTH * np.sqrt(steps)) / -_START[1])


def sizes(state: Columns, at: int, steps: int) -> Array:
    """(2, series): how large a residual has been of late."""
    count = state["residual_count"][at]
    total = state["residual_sum"][at] + _PRIOR_OUTCOMES * np.float32(prior_size(steps)) * np.exp(
        -count / 10.0
    )
    return np.asarray(np.maximum(total / (count + _PRIOR_OUTCOMES * np.exp(-count / 10.0)), _SIZE_MIN))


def bounds(state: Columns, at: int, steps: int, stale: Array) -> Array:
    """(2, 4, series): logarithms of lower95, lower80, upper80, upper95 over the forecast. `stale`: steps without data."""
    spread = sizes(state, at, steps) * np.sqrt(1.0 + stale / np.float32(steps)).astype(np.float32)
    found = state["bounds"][at] * spread[:, None]
    low, high = np.minimum(found[:, :2], 0.0), np.maximum(found[:, 2:], 0.0)
    low[:, 0] = np.minimum(low[:, 0], low[:, 1])
    high[:, 1] = np.maximum(high[:, 1], high[:, 0])
    return np.concatenate([low, high], axis=1)


def learn(state: Columns, at: int, steps: int, residuals: Array, said: Array) -> None:
    """`residuals` (2, series), NaN where there is no outcome; `said` (2, 4, series), the bounds given at the origin."""
    known = np.isfinite(residuals) & np.isfinite(said).all(axis=1)
    found = np.where(known, residuals, np.float32(0.0))
    above = found[:, None] > np.where(known[:, None], said, np.float32(0.0))
    step = np.float32(_RATE / steps**_RATE_POWER) * np.where(
        known[:, None], above - (1.0 - LEVELS), np.float32(0.0)
    )
    state["bounds"][at] += step.astype(np.float32)
    memory = np.float32(1.0 - 1.0 / (_MEMORY + _MEMORY_STEPS * steps))
    decay = np.where(known, memory, np.float32(1.0))
    state["residual_sum"][at] = state["residual_sum"][at] * decay + np.abs(found)
    state["residual_count"][at] = state["residual_count"][at] * decay + known
    state["graded"][at] += known
    state["inside80"][at] += known & (found >= said[:, 1]) & (found <= said[:, 2])
    state["inside95"][at] += known & (found >= said[:, 0]) & (found <= said[:, 3])
