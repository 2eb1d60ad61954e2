"""The newest minutes of all series, and what came of a window once it is over."""

from typing import Final

import numpy as np

from foreroute.forecast.bank.columns import Array, Column, Columns

TREND: Final = 120
"""Steps behind the trend."""
_MEDIAN: Final = 60


def length(horizons: tuple[int, ...]) -> int:
    """Steps of which everything is kept: the longest median, or a whole window once it is over."""
    return max(_MEDIAN, *horizons)


def columns(horizons: tuple[int, ...]) -> dict[str, Column]:
    kept = length(horizons)
    return {
        "values": Column((kept,), fill=np.nan),
        "weights": Column((kept,)),
        "clean": Column((TREND,), fill=np.nan),
        "seen": Column((), np.int32),
        "age": Column((), np.int32),
    }


def push(state: Columns, tick: int, values: Array, weights: Array) -> None:
    """Takes in a minute: `values` NaN where nothing was measured, `weights` the requests behind each."""
    measured = np.isfinite(values)
    slot = tick % len(state["values"])
    state["values"][slot] = values
    state["weights"][slot] = np.where(measured, weights, 0.0)
    state["seen"][...] += measured
    state["age"] = np.where(measured, 0, state["age"] + 1)


def newest(state: Columns, name: str, tick: int, count: int) -> Array:
    """The last `count` minutes as (count, series), the newest first. A copy."""
    kept = len(state[name])
    return np.asarray(state[name][(tick - np.arange(count)) % kept])


def outcomes(state: Columns, tick: int, steps: int) -> Array:
    """(2, series): the weighted mean over the last `steps` minutes, and the newest one; NaN where unknown.

    A window of which less than a fifth was measured has no mean.
    """
    values, weights = newest(state, "values", tick, steps), newest(state, "weights", tick, steps)
    measured = np.isfinite(values)
    total = weights.sum(axis=0)
    sums = (np.where(measured, values, 0.0) * weights).sum(axis=0)
    enough = (5 * measured.sum(axis=0) >= steps) & (total > 0)
    mean = np.where(enough, sums / np.where(enough, total, 1.0), np.nan)
    return np.stack([mean, values[0]])
