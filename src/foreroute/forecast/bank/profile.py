"""The shape of the day: how each of the last days went on from this time of day.

What is forecast is not yesterday's value but today's level times yesterday's ratio of then to now: the median of the
ratios of some days, so that an incident in one of them is not taken for the day's shape.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.forecast.bank.columns import Array, Column, Columns

_DAYS_MIN, _DAYS_MAX = 3, 14
_MARGIN: Final = 8
"""Slots before the oldest origin that is looked up."""
_RING: Final = 1152
"""Slots that are kept if that is enough for the fewest days."""
_KNOWN_MIN: Final = np.float32(0.5)
"""Share of a window that must have been measured."""


def days(slots: int) -> int:
    """How many days are remembered when each has so many slots."""
    return min(max(_RING // slots - 1, _DAYS_MIN), _DAYS_MAX)


def columns(slots: int) -> dict[str, Column]:
    """A day is cut into `slots`; kept are logarithms over an anchor of each series, in half precision."""
    return {
        "profile": Column((days(slots) * slots + _MARGIN,), np.float16, np.nan),
        "anchor": Column((), fill=np.nan),
        "slot_sum": Column(()),
        "slot_count": Column(()),
    }


def learn(state: Columns, place: int, before: int | None, logs: Array) -> None:
    """Takes in a step of logarithms. `place` is its slot counted from the epoch, `before` that of the step before."""
    if before is not None and place != before:
        _file(state, before, place)
    measured = np.isfinite(logs)
    state["anchor"] = np.where(np.isnan(state["anchor"]), logs, state["anchor"])
    state["slot_sum"][...] += np.where(measured, logs - state["anchor"], 0.0)
    state["slot_count"][...] += measured


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the day an origin is, in slots: `now` since the epoch, `day` of them a day, `step` the length of a step.

    `seen`: slots since the first step. What is ahead is compared with the mean over the `back` slots before now.
    """

    now: float
    day: int
    step: float
    back: float
    seen: float


def ahead(state: Columns, place: Place, steps: int) -> Array:
    """(2, series): logarithm of the ratio to now of the mean over the next `steps`, and of the last of them.

    The latter is smoothed over as long a time as now is. NaN without a day behind it.
    """
    span = steps * place.step
    known = min(days(place.day), int(place.seen / place.day))
    if not known:
        return np.full((2, state.count), np.nan, dtype=np.float32)
    end, around = span - place.step / 2.0, max(place.step, min(place.back, span)) / 2.0
    found = []
    for day in range(1, known + 1):
        then = place.now - day * place.day
        level = _mean(state, then - place.back, then)
        window = _mean(state, then, then + span)
        point = _mean(state, then + end - around, then + end + around)
        found.append(np.stack([window - level, point - level]))
    return _median(np.stack(found))


def _file(state: Columns, before: int, place: int) -> None:
    """What is over goes into the profile; slots that were passed over are unknown."""
    ring = len(state["profile"])
    count = state["slot_count"]
    known = count > 0
    value = state["slot_sum"] / np.where(known, count, 1.0)
    state["profile"][before % ring] = np.where(known, value, np.nan)
    skipped = np.arange(max(before + 1, place - ring), place)
    state["profile"][skipped % ring] = np.nan
    state["slot_sum"] = 0.0
    state["slot_count"] = 0.0


def _mean(state: Columns, begin: float, end: float) -> Array:
    """Of the profile between two places, in slots; those at the rims count in part."""
    slots = np.arange(math.floor(begin), max(math.ceil(end), math.floor(begin) + 1))
    shares = np.minimum(slots + 1.0, end) - np.maximum(slots, begin)
    shares = (shares / shares.sum()).astype(np.float32)
    found = state["profile"][slots % len(state["profile"])].astype(np.float32)
    known = np.isfinite(found)
    weight = shares @ known
    mean = shares @ np.where(known, found, np.float32(0.0))
    return np.where(weight >= _KNOWN_MIN, mean / np.maximum(weight, np.float32(1e-6)), np.float32(np.nan))


def _median(found: Array) -> Array:
    """Over the first axis, of what is known."""
    ordered = np.sort(found, axis=0)  # NaN sorts last
    count = np.isfinite(found).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(found) - 1)
    pair = [np.take_along_axis(ordered, at[None], axis=0)[0] for at in (low, high)]
    return np.asarray((pair[0] + pair[1]) / 2.0)
