"""How far a change is believed: as far as such changes have come true in that series.

On a ramp every average lags, and so does their mixture. While the trend is sure of a change, those that lag lose
their say, and what the others take for the level is carried on as the trend says.
"""

from typing import Final

import numpy as np

from foreroute.forecast.bank.columns import Array, Column, Columns

_DECAY: Final = np.float32(0.995)
_PRIOR: Final = np.float32(20.0 * 0.08**2)
"""The prior that changes come true weighs as much as twenty changes by 8 %."""
_REALISED_MAX: Final = np.float32(2.0)
_GOING_ON: Final = (np.float32(0.3), np.float32(0.6))
_CHANGED: Final = (np.float32(0.5), np.float32(0.9))
"""Probabilities up to which nothing follows from them, and from which on they are taken for certain."""


def columns(horizons: int) -> dict[str, Column]:
    return {"believed_product": Column((horizons, 2)), "believed_square": Column((horizons, 2))}


def factor(state: Columns, at: int) -> Array:
    """(2, series), 0…1: the slope of realised on predicted change."""
    product, square = state["believed_product"][at], state["believed_square"][at]
    return np.asarray(np.clip((_PRIOR + product) / (_PRIOR + square), 0.0, 1.0))


def going_on(probability: Array) -> Array:
    """0…1: how certainly a change is going on."""
    return _certainty(probability, *_GOING_ON)


def changed(probability: Array) -> Array:
    """0…1: how certainly a change is going on or has only just ended."""
    return _certainty(probability, *_CHANGED)


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


def _certainty(probability: Array, least: np.float32, sure: np.float32) -> Array:
    return np.asarray(np.clip((probability - least) / (sure - least), 0.0, 1.0))
