"""Experts on the level: the last value, averages of several memories, medians. They say the same at every horizon."""

from typing import Final

import numpy as np

from foreroute.forecast.bank import history
from foreroute.forecast.bank.columns import Array, Column, Columns

MEMORIES: Final = (2.0, 5.0, 15.0, 60.0, 240.0, 1440.0)
"""Of the averages, in steps."""
WEIGHTED_MEMORIES: Final = (8.0, 30.0, 120.0)
"""Of the averages in which every request counts the same, not every minute."""
TYPICAL_MEMORIES: Final = (240.0, 5760.0)
"""Of the averages of logarithms, which a few large values do not lift."""
MEDIANS: Final = (5, 15, 60)
NAMES: Final = (
    "last",
    *(f"average_{memory:.0f}" for memory in MEMORIES),
    *(f"per_request_{memory:.0f}" for memory in WEIGHTED_MEMORIES),
    *(f"median_{count}" for count in MEDIANS),
    *(f"typical_{memory:.0f}" for memory in TYPICAL_MEMORIES),
)
"""`last` is the first: it is what all others are measured against."""
REGRESSED: Final = (
    "last",
    *(f"average_{memory:.0f}" for memory in MEMORIES),
    "per_request_30",
    "median_15",
    "median_60",
)
"""Those that the regression sees; what the others would add to these is little."""
_DECAY: Final = np.exp(-1.0 / np.array(MEMORIES, dtype=np.float32))[:, None]
_WEIGHTED_DECAY: Final = np.exp(-1.0 / np.array(WEIGHTED_MEMORIES, dtype=np.float32))[:, None]
_TYPICAL_DECAY: Final = np.exp(-1.0 / np.array(TYPICAL_MEMORIES, dtype=np.float32))[:, None]


def base(step_s: float) -> tuple[int, float]:
    """The level that all others are compared with and that the day's shape is applied to, by its number.

    And the width in steps of the window before now whose middle is as old as that level.
    """
    if step_s >= 600.0:
        return 0, 1.0
    fast = step_s < 120.0
    return NAMES.index("average_5" if fast else "average_2"), 10.0 if fast else 4.0


def columns() -> dict[str, Column]:
    return {
        "last": Column((), fill=np.nan),
        "sums": Column((len(MEMORIES),)),
        "totals": Column((len(MEMORIES),)),
        "weighted_sums": Column((len(WEIGHTED_MEMORIES),)),
        "weighted_totals": Column((len(WEIGHTED_MEMORIES),)),
        "typical_sums": Column((len(TYPICAL_MEMORIES),)),
        "typical_totals": Column((len(TYPICAL_MEMORIES),)),
    }


def learn(state: Columns, values: Array, cut: Array, weights: Array) -> None:
    """Takes in a minute; `cut` are the values without their spikes. A minute without a value only ages what is known: numerator and denominator alike."""
    measured = np.isfinite(values)
    known = np.where(measured, values, 0.0)
    weights = np.where(measured, weights, 0.0)
    state["last"] = np.where(measured, values, state["last"])
    state["sums"] = state["sums"] * _DECAY + np.where(measured, cut, 0.0)
    state["totals"] = state["totals"] * _DECAY + measured
    state["weighted_sums"] = state["weighted_sums"] * _WEIGHTED_DECAY + known * weights
    state["weighted_totals"] = state["weighted_totals"] * _WEIGHTED_DECAY + weights
    logs = np.log(np.where(measured, cut, 1.0) + state["offset"])
    state["typical_sums"] = state["typical_sums"] * _TYPICAL_DECAY + np.where(measured, logs, 0.0)
    state["typical_totals"] = state["typical_totals"] * _TYPICAL_DECAY + measured


def opinions(state: Columns, tick: int) -> Array:
    """(experts, series) in the metric's unit; NaN for a series without a value."""
    last = state["last"]
    averages = _ratio(state["sums"], state["totals"], last)
    weighted = _ratio(state["weighted_sums"], state["weighted_totals"], last)
    newest = history.newest(state, "values", tick, max(MEDIANS))
    medians = [_median(newest[:count]) for count in MEDIANS]
    level = np.where(np.isfinite(medians[-1]), medians[-1], averages[2])
    medians = [np.where(np.isfinite(median), median, level) for median in medians]
    return np.stack([last, *averages, *weighted, *medians, *_typical(state)])


def _typical(state: Columns) -> Array:
    """(memories, series): geometric means; the last value where a long gap has left nothing to divide by."""
    logs = _ratio(state["typical_sums"], state["typical_totals"], np.log(state["last"] + state["offset"]))
    return np.asarray(np.exp(logs) - state["offset"])


def _ratio(sums: Array, totals: Array, otherwise: Array) -> Array:
    """`otherwise` where a long gap has left nothing to divide by."""
    known = totals > 1e-12
    return np.where(known, sums / np.where(known, totals, 1.0), otherwise)


def _median(values: Array) -> Array:
    """Over the first axis, of what is measured; NaN where nothing is."""
    ordered = np.sort(values, axis=0)  # NaN sorts last
    count = np.isfinite(values).sum(axis=0)
    rows = np.arange(values.shape[1])
    low = ordered[np.maximum(count - 1, 0) // 2, rows]
    high = ordered[count // 2 % len(values), rows]
    return np.asarray(np.where(count % 2 == 1, low, (low + high) / 2.0))
