"""What each expert's word is worth on each series: errors beside the last value's, on the same outcomes."""

from typing import Final

import numpy as np

from foreroute.forecast.bank.columns import Array, Column, Columns, clip

_DECAY: Final = np.float32(0.995)
"""How much of an error's weight is left after one more outcome."""
_RELATIVE_OUTCOMES: Final = np.float32(200.0)
_PRIOR_OUTCOMES: Final = np.float32(5.0)
"""On which everybody is assumed to have been as good as the last value."""
_REGRESSION: Final = np.float32(2.0)
"""How much more the regression counts than its record says: it is one, the averages are many and much alike."""
_SHARPNESS: Final = np.array([14.0, 20.0], dtype=np.float32)[:, None, None]
"""Weight = relative error ** −sharpness, by target: errors about a single window differ less between experts."""
_RECENT_STEPS: Final = 6.0
"""Horizon at which the recent record and that over everything count the same."""


def columns(experts: int, horizons: int) -> dict[str, Column]:
    """`experts` includes those that are graded without a vote."""
    shape = (horizons, 2, experts)
    return {
        "outcomes": Column(shape, np.int32),
        "loss": Column(shape),
        "naive_loss": Column(shape),
        "loss_weight": Column(shape),
        "mean_loss": Column(shape),
        "mean_naive_loss": Column(shape),
        "relative_loss": Column((horizons, 2)),
        "relative_count": Column((horizons, 2)),
    }


def grade(state: Columns, at: int, said: Array, outcome: Array) -> None:
    """`said` (2, experts, series), the last value first; `outcome` (2, series). NaN grades nobody.

    Recent errors are forgotten exponentially, means are over everything.
    """
    error = np.abs(said - outcome[:, None])
    naive = error[:, :1]
    known = np.isfinite(error) & np.isfinite(naive)
    error, naive = np.where(known, error, 0.0), np.where(known, naive, 0.0)
    decay = np.where(known, _DECAY, np.float32(1.0))
    state["outcomes"][at] += known
    state["loss"][at] = state["loss"][at] * decay + error
    state["naive_loss"][at] = state["naive_loss"][at] * decay + naive
    state["loss_weight"][at] = state["loss_weight"][at] * decay + known
    share = np.where(known, 1.0 / np.maximum(state["outcomes"][at], 1), 0.0).astype(np.float32)
    state["mean_loss"][at] += share * (error - state["mean_loss"][at])
    state["mean_naive_loss"][at] += share * (naive - state["mean_naive_loss"][at])


def grade_relative(state: Columns, at: int, residuals: Array) -> None:
    """`residuals` (2, series): logarithms of outcome over forecast, NaN for none. Their mean of late is followed."""
    relative = np.abs(1.0 - np.exp(-residuals))
    known = np.isfinite(relative)
    count = state["relative_count"][at]
    state["relative_count"][at] = np.minimum(count + known, _RELATIVE_OUTCOMES)
    rate = 1.0 / np.maximum(state["relative_count"][at], 1.0)
    moved = state["relative_loss"][at] + rate * (relative - state["relative_loss"][at])
    state["relative_loss"][at] = np.where(known, moved, state["relative_loss"][at])


def ratios(state: Columns, at: int, steps: int) -> Array:
    """(2, experts, series): error over the last value's, never below 0.01; near 1 while there are few outcomes.

    The geometric mean of the recent ratio and of that over everything. The longer the horizon, the more its outcomes
    overlap and the less the recent ones prove, so the more the whole record counts.
    """
    recent = _relative(state["loss"][at], state["naive_loss"][at], state["loss_weight"][at])
    outcomes = np.maximum(state["outcomes"][at], 1).astype(np.float32)
    always = _relative(state["mean_loss"][at] * outcomes, state["mean_naive_loss"][at] * outcomes, outcomes)
    share = np.float32(_RECENT_STEPS / (_RECENT_STEPS + steps))
    return np.asarray(recent**share * always ** (1.0 - share))


def votes(state: Columns, at: int, plug_ins: slice, outcomes_min: int) -> Array:
    """(2, experts, series): who may take part. One from outside must have been better than the last value."""
    outcomes = state["outcomes"][at]
    may = np.ones(outcomes.shape, dtype=np.bool_)
    outside = (outcomes[:, plug_ins] >= outcomes_min) & (
        state["loss"][at][:, plug_ins] < state["naive_loss"][at][:, plug_ins]
    )
    may[:, plug_ins] = outside
    return may


def weights(ratios: Array, usable: Array, regression: int) -> Array:
    """(2, experts, series), adding up to 1 for each series for which anybody is usable."""
    powers = np.where(usable > 0, -_SHARPNESS * np.log(ratios), np.float32(-np.inf))
    best = powers.max(axis=1, keepdims=True)
    raw = usable * np.exp(powers - np.where(np.isfinite(best), best, np.float32(0.0)))
    raw[:, regression] *= _REGRESSION
    total = raw.sum(axis=1, keepdims=True)
    return np.asarray(raw / np.where(total > 0, total, np.float32(1.0)))


def _relative(loss: Array, naive: Array, outcomes: Array) -> Array:
    """`loss` and `naive` are sums over so many `outcomes`."""
    prior = _PRIOR_OUTCOMES * np.maximum(naive[:, :1], 1e-30) / np.maximum(outcomes[:, :1], 1.0)
    return clip((loss + prior) / (naive + prior), 0.01, 100.0)
