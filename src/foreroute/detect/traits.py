"""What is known of every series beside its values: its unit, its traffic, and what was expected of it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.detect.columns import Bools, Floats, known

_TYPICAL: Final = 0.01


@dataclass(slots=True)
class Traits:
    """What does not change about a series."""

    floors: Floats
    """The smallest difference worth speaking of, in the metric's unit."""
    is_ratio: Bools
    is_count: Bools
    is_traffic: Bools
    """What is asked of a channel is not its doing: one window of more or less is nobody's trouble."""

    @classmethod
    def empty(cls, rows: int) -> "Traits":
        no = np.zeros(rows, bool)
        return cls(np.full(rows, 1e-9), no, no.copy(), no.copy())


@dataclass(slots=True)
class Traffic:
    """The usual number of requests behind a value, and how long a series has said nothing or was muted."""

    usual: Floats
    silent: Floats
    settle: Floats

    @classmethod
    def empty(cls, rows: int) -> "Traffic":
        return cls(np.full(rows, np.nan), np.zeros(rows), np.zeros(rows))

    def learn(self, counts: Floats) -> None:
        weight = np.where(np.isfinite(self.usual), _TYPICAL, 1.0)
        moved = known(self.usual) * (1.0 - weight) + weight * counts
        self.usual = np.where(np.isfinite(counts), moved, self.usual)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What was expected before the value was looked at. Shapes (series,) but for `ways` (series, 3) and `features`."""

    floor: Floats
    size: Floats
    usual_day: Floats
    features: Floats
    ways: Floats
