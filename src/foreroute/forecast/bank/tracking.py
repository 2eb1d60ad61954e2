"""Who lags: errors one step ahead that are all on one side (Trigg 1964).

An average that has missed a change of level shows it at once, not only when its error at the horizon comes due.
"""

from typing import Final

import numpy as np

from foreroute.forecast.bank.columns import Array, Column, Columns, clip

_DECAY: Final = np.float32(0.88)
_LAGS: Final = np.float32(0.6)
"""Signals up to this one happen by chance."""
_LEAST: Final = np.float32(1e-4)


def columns(experts: int) -> dict[str, Column]:
    return {
        "lag": Column((experts,)),
        "lag_size": Column((experts,)),
        "lag_said": Column((experts,), fill=np.nan),
    }


def learn(state: Columns, logs: Array) -> None:
    """`logs` (series): the logarithm of the newest value, NaN for none, against the levels put down before it."""
    error = logs - state["lag_said"]
    known = np.isfinite(error)
    error = np.where(known, error, np.float32(0.0))
    decay = np.where(known, _DECAY, np.float32(1.0))
    state["lag"] = decay * state["lag"] + error
    state["lag_size"] = decay * state["lag_size"] + np.abs(error)


def say(state: Columns, logs: Array) -> None:
    """`logs` (experts, series): where each sees the level now."""
    state["lag_said"] = logs


def trust(state: Columns) -> Array:
    """(experts, series): 1 while errors cancel out, near 0 when they are all on one side."""
    size = state["lag_size"]
    signal = np.where(size > 0, state["lag"] / np.where(size > 0, size, np.float32(1.0)), np.float32(0.0))
    return np.asarray(clip((1.0 - np.abs(signal)) / (1.0 - _LAGS), _LEAST, 1.0) ** 2)
