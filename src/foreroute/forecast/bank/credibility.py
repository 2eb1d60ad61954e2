"""How far a change is believed: who has been right in a series while one was going on, the trend or the mixture.

On a ramp every average lags, and so does their mixture, however good it is at other times; but where the day's shape
explains what looks like a ramp, the mixture knows better. So the two are compared on the origins at which the trend
was sure of a change. Until such have been graded, the trend is believed.
"""

from typing import Final

import numpy as np

from foreroute.forecast.bank.columns import Array, Column, Columns, clip

_DECAY: Final = np.float32(0.997)
_PRIOR_OUTCOMES: Final = np.float32(20.0)
_PRIOR_RATIO: Final = np.float32(0.5)
"""Before it is known: that during changes the trend's errors are this much of the mixture's, on so many outcomes."""
_SHARPNESS: Final = np.float32(8.0)
_GOING_ON: Final = (np.float32(0.35), np.float32(0.7))
_CHANGED: Final = (np.float32(0.5), np.float32(0.8))
_PROVEN: Final = (np.float32(0.3), np.float32(0.7))
"""Probabilities up to which nothing follows from them, and from which on they are taken for certain."""


def columns(horizons: int) -> dict[str, Column]:
    return {
        "moving_trend": Column((horizons, 2)),
        "moving_mix": Column((horizons, 2)),
        "moving_weight": Column((horizons, 2)),
    }


def factor(state: Columns, at: int) -> Array:
    """(2, series), 0…1: what the trend's word is worth against the mixture's while a change is going on."""
    weight = state["moving_weight"][at]
    prior = _PRIOR_OUTCOMES * np.where(weight > 0, state["moving_mix"][at] / np.maximum(weight, 1e-6), 1.0)
    trend = state["moving_trend"][at] + _PRIOR_RATIO * prior
    mix = state["moving_mix"][at] + prior
    ratio = clip(trend / np.maximum(mix, 1e-12), 0.1, 10.0)
    return np.asarray(1.0 / (1.0 + ratio**_SHARPNESS))


def proven(state: Columns, at: int) -> Array:
    """(2, series), 0…1: whether changes have come true enough for those that lag to lose their say."""
    return _certainty(factor(state, at), *_PROVEN)


def going_on(probability: Array) -> Array:
    """0…1: how certainly a change is going on."""
    return _certainty(probability, *_GOING_ON)


def changed(probability: Array) -> Array:
    """0…1: how certainly a change is going on or has only just ended."""
    return _certainty(probability, *_CHANGED)


def learn(state: Columns, at: int, going: Array, errors: tuple[Array, Array]) -> None:
    """`going` (series): how sure of a change the trend was at the origin; `errors` (2, series) of the trend and of the
    mixture without it, as logarithms. NaN teaches nothing.
    """
    trend, mix = np.abs(errors[0]), np.abs(errors[1])
    share = np.where(np.isfinite(trend) & np.isfinite(mix), going, np.float32(0.0))
    decay = 1.0 - share * (1.0 - _DECAY)
    for name, error in (("moving_trend", trend), ("moving_mix", mix), ("moving_weight", np.ones_like(mix))):
        state[name][at] = decay * state[name][at] + share * np.where(share > 0, error, np.float32(0.0))


def _certainty(probability: Array, least: np.float32, sure: np.float32) -> Array:
    return clip((probability - least) / (sure - least), 0.0, 1.0)
