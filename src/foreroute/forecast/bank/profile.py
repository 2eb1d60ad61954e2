"""The shape of the day: how a series stands at each time of day, compared with the rest of it.

What is forecast is not yesterday's value but today's level times yesterday's ratio of then to now.
"""

from typing import Final

import numpy as np

from foreroute.forecast.bank.columns import Array, Column, Columns

_DAYS: Final = 3.0
"""Memory of the profile, in days."""
_STEP_MAX: Final = 1.0
"""One day moves a place by at most this factor's logarithm: an incident is not part of the day's shape."""
_AROUND: Final = 1
"""Slots on each side that are averaged for a single point: one slot of a few days is mostly noise."""


def columns(slots: int) -> dict[str, Column]:
    return {
        "profile": Column((slots,)),
        "profile_days": Column((slots,), np.uint8),
        "slot_sum": Column(()),
        "slot_count": Column(()),
    }


def learn(state: Columns, slot: int, before: int | None, logs: Array) -> None:
    """Takes in a minute of logarithms. `before` is the slot of the minute before it: what is over is filed."""
    if before is not None and slot != before:
        _file(state, before)
    measured = np.isfinite(logs)
    state["slot_sum"][...] += np.where(measured, logs, 0.0)
    state["slot_count"][...] += measured


def ahead(state: Columns, slot: int, span: float, back: float) -> Array:
    """(2, series): logarithm of the ratio to now of the mean over `span` slots ahead, and of the place at their end.

    Now is the mean over the `back` slots up to `slot`. NaN without a whole day behind it.
    """
    now = _mean(state, np.arange(slot - max(1, round(back)) + 1, slot + 1))
    window = _mean(state, np.arange(slot + 1, slot + 1 + max(1, round(span))))
    end = slot + max(1, round(span))
    around = min(_AROUND, max(0, round(span) - 1))
    point = _mean(state, np.arange(end - around, end + around + 1))
    return np.stack([window - now, point - now])


def _file(state: Columns, slot: int) -> None:
    count = state["slot_count"]
    measured = count > 0
    value = state["slot_sum"] / np.where(measured, count, 1.0)
    place, days = state["profile"][slot], state["profile_days"][slot]
    rate = np.maximum(1.0 / (days + 1.0), 1.0 / _DAYS)
    moved = np.where(days == 0, value, place + rate * np.clip(value - place, -_STEP_MAX, _STEP_MAX))
    state["profile"][slot] = np.where(measured, moved, place)
    state["profile_days"][slot] = np.where(measured, np.minimum(days + 1, 200), days)
    state["slot_sum"] = 0.0
    state["slot_count"] = 0.0


def _mean(state: Columns, slots: Array) -> Array:
    slots = slots % len(state["profile"])
    known = (state["profile_days"][slots] > 0).all(axis=0)
    return np.where(known, state["profile"][slots].mean(axis=0), np.nan)
