"""How far a change that is going on is believed: as far as such changes have come true in that series.

On a ramp every average lags, and so does their mixture: when the trend is sure that a change is going on, its word
counts more than its record on quiet hours would give it.
"""

from typing import Final

import numpy as np

from foreroute.forecast.bank.columns import Array, Column, Columns

_DECAY: Final = np.float32(0.97)
_PRIOR: Final = np.float32(20.0 * 0.08**2)
"""The prior that changes come true weighs as much as twenty changes by 8 %."""
_REALISED_MAX: Final = np.float32(2.0)
_SURE: Final = np.float32(0.5)


def columns(horizons: int) -> dict[str, Column]:
    return {"believed_product": Column((horizons, 2)), "believed_square": Column((horizons, 2))}


def factor(state: Columns, at: int) -> Array:
    """(2, series), 0…1: the slope of realised on predicted change."""
    product, square = state["believed_product"][at], state["believed_square"][at]
    return np.asarray(np.clip((_PRIOR + product) / (_PRIOR + square), 0.0, 1.0))


def certainty(going: Array) -> Array:
    """0 up to an even chance that a change is going on, 1 when that is sure."""
    return np.asarray(np.clip((going - _SURE) / (1.0 - _SURE), 0.0, 1.0))


def learn(state: Columns, at: int, predicted: Array, realised: Array) -> None:
    """(2, series) each, as logarithms; NaN teaches nothing.

    What came is counted up to twice what was predicted: that a ripple was predicted where a ramp began says that the
    ramp was not foreseen, not that predicted changes go the wrong way.
    """
    known = np.isfinite(predicted) & np.isfinite(realised)
    change = np.where(known, predicted, np.float32(0.0))
    most = _REALISED_MAX * np.abs(change)
    came = np.clip(np.where(known, realised, np.float32(0.0)), -most, most)
    decay = np.where(known, _DECAY, np.float32(1.0))
    state["believed_product"][at] = decay * state["believed_product"][at] + change * came
    state["believed_square"][at] = decay * state["believed_square"][at] + change * change
