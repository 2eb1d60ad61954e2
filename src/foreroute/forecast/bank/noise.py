"""How noisy each series is from minute to minute, and each minute without what of it was a spike."""

import math
from typing import Final

import numpy as np

from foreroute.forecast.bank import history
from foreroute.forecast.bank.columns import Array, Column, Columns, clip

_NEIGHBOURS: Final = 5
_OUTLIER: Final = 3.0
_MEMORY: Final = np.float32(np.exp(-1.0 / 60.0))
_USUAL_MAX: Final = np.float32(4.0)
"""Times the usual difference: a step or a spike counts as no more."""
_DEVIATION: Final = 1.25 / np.sqrt(2.0)
"""A mean absolute difference of two is 0.8 deviations times √2."""
_BETWEEN: Final = np.float32(np.sqrt(1.5))
"""What lies between two neighbours and the mean of them differ by √1.5 deviations where all is noise."""
_REQUESTS: Final = np.float32(np.exp(-1.0 / 15.0))


def columns() -> dict[str, Column]:
    return {"noise": Column(()), "wiggle": Column(()), "wiggles": Column(()), "requests": Column(())}


def learn(state: Columns, tick: int, values: Array) -> None:
    """Takes in the newest minute, which history already has, and puts it down in `clean` (a causal Hampel filter)."""
    around = history.newest(state, "values", tick, _NEIGHBOURS)
    noise = state["noise"]
    state["clean"][tick % len(state["clean"])] = _cut(around, noise)
    difference = np.abs(values - around[1])
    both = np.isfinite(difference)
    moved = _MEMORY * noise + (1.0 - _MEMORY) * np.minimum(difference, _USUAL_MAX * noise)
    state["noise"] = np.where(both, np.where(noise == 0, difference, moved), noise)
    _wiggle(state, around)
    newest = history.newest(state, "weights", tick, 1)[0]
    state["requests"] = state["requests"] * _REQUESTS + newest


def floor_ratio(wiggle: float, count: float, steps: int) -> float:
    """The mean absolute relative error of a perfect forecast of a mean over `steps`, NaN when not known yet."""
    return wiggle / math.sqrt(steps) if count >= 10 else float("nan")


def _cut(around: Array, noise: Array) -> Array:
    known = np.isfinite(around).sum(axis=0)
    ordered = np.sort(around, axis=0)
    middle = ordered[np.maximum(known - 1, 0) // 2, np.arange(len(known))]
    width = np.float32(_OUTLIER * _DEVIATION) * noise
    usable = (noise > 0) & (known >= 3)
    return np.asarray(np.where(usable, clip(around[0], middle - width, middle + width), around[0]))


def _wiggle(state: Columns, around: Array) -> None:
    """What is measured alone makes a value differ from its neighbours: movement from one to the next cancels out."""
    logs = np.log(around[:3] + state["offset"])
    apart = np.abs(logs[1] - (logs[0] + logs[2]) / 2.0) / _BETWEEN
    known = np.isfinite(apart)
    count = state["wiggles"] + known
    rate = np.maximum(1.0 / np.maximum(count, 1.0), np.float32(0.01))
    step = rate * np.minimum(apart - state["wiggle"], np.float32(4.0) * np.maximum(state["wiggle"], 1e-3))
    state["wiggle"] = np.where(
        known & (count > 1), state["wiggle"] + step, np.where(known, apart, state["wiggle"])
    )
    state["wiggles"] = np.minimum(count, np.float32(1000.0))
