"""A programme as rows of a linear one: a column a class and channel that may be used together. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foreroute.core.optimum import Concession, Promise
from foreroute.cost.programme import MINUTES_AN_HOUR, Choice, Programme, RequestClass

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bound:
    """row · x ≤ limit. `shown` turns a left-hand side into the bound's own unit."""

    promise: Promise
    of: str
    row: Floats
    limit: float
    shown: Callable[[float], float]

    @property
    def scale(self) -> float:
        """Rows of very different units would else be solved to very different accuracies."""
        return max(abs(self.limit), float(np.abs(self.row).max()), 1e-12)


class Table:
    """The columns, and all that is known of each as arrays."""

    def __init__(self, programme: Programme) -> None:
        self.programme = programme
        self.cells: list[tuple[int, Choice]] = [
            (place, choice)
            for place, one in enumerate(programme.classes)
            for choice in one.choices
            if one.may_use(choice)
        ]
        classes = programme.classes
        self._class = np.array([place for place, _ in self.cells])
        self._channel = np.array([choice.channel for _, choice in self.cells])
        self._rate = np.array([one.requests_per_minute for one in classes])[self._class]
        self._tokens = self._rate * np.array([one.tokens_per_request for one in classes])[self._class]
        self.usd = self._rate * MINUTES_AN_HOUR * np.array([choice.usd for _, choice in self.cells])
        """US dollars an hour of each whole share."""
        total = sum(one.requests_per_minute for one in classes) or 1.0
        self.latency = self._rate / total * np.array([choice.latency_s for _, choice in self.cells])
        """Its part in the mean latency of all requests."""

    @property
    def sums(self) -> Floats:
        """One row a class: its shares add up to 1."""
        places = np.arange(len(self.programme.classes))[:, None]
        return np.asarray(self._class == places, dtype=np.float64)

    def bounds(self) -> list[Bound]:
        found, sums = [], self.sums
        late = np.array([choice.late_ratio for _, choice in self.cells])
        failed = np.array([1.0 - choice.success for _, choice in self.cells])
        for one, mine in zip(self.programme.classes, sums, strict=True):
            found.append(Bound(Promise.LATENCY, one.name, mine * late, one.late_max, _same))
            limit = 1.0 - one.success_min
            found.append(Bound(Promise.AVAILABILITY, one.name, mine * failed, limit, _complement))
        for channel, capacity in sorted(self.programme.capacities.items()):
            there = (self._channel == channel).astype(np.float64)
            for promise, row, most in (
                (Promise.REQUESTS, self._rate, capacity.requests_per_minute),
                (Promise.TOKENS, self._tokens, capacity.tokens_per_minute),
            ):
                if most is not None and there.any():
                    found.append(Bound(promise, channel, there * row, most, _same))
        if (budget := self.programme.usd_per_hour_max) is not None:
            found.append(Bound(Promise.BUDGET, "", self.usd, budget, _same))
        return found


def barred(programme: Programme) -> tuple[Concession, ...]:
    """Classes that no channel at all may serve."""
    return tuple(
        _why(one) for one in programme.classes if not any(one.may_use(choice) for choice in one.choices)
    )


def _why(one: RequestClass) -> Concession:
    here = [choice for choice in one.choices if not one.regions or choice.region in one.regions]
    if here:
        return Concession(Promise.QUALITY, one.name, one.quality_min, max(choice.quality for choice in here))
    return Concession(Promise.RESIDENCY, one.name, 0.0, 1.0)


def _same(value: float) -> float:
    return value


def _complement(value: float) -> float:
    return 1.0 - value
