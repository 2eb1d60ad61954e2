"""The usual day of each series: a mean for every five minutes (or step, if longer), scaled to the present level.

Until a part of the day has been seen once, nothing is expected of it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.detect.columns import Bools, Floats

BINS: Final = 288
_DAY_S: Final = 86_400.0
_NEW_DAY: Final = 0.25
"""Weight of a new day in the mean of a bin."""
_SCALE: Final = 0.02


@dataclass(slots=True)
class DayProfile:
    """Bins in UTC. `scale`: present level over the profile's, so that a busier week needs no new profile."""

    means: Floats
    """(series, BINS); NaN where that part of a day has not been seen."""
    scale: Floats
    total: Floats
    """Sum and number of the values of the bin that is being filled."""
    number: Floats
    bin: Floats
    """Which bin that is; −1 before the first."""

    @classmethod
    def empty(cls, rows: int) -> "DayProfile":
        zeros = np.zeros(rows)
        return cls(
            np.full((rows, BINS), np.nan), np.ones(rows), zeros.copy(), zeros.copy(), np.full(rows, -1.0)
        )

    def usual(self, middle_at: float) -> Floats:
        """The profile around an instant, unscaled: between the middles of two bins; NaN where one is unknown."""
        place = middle_at % _DAY_S / _DAY_S * BINS - 0.5
        lower = int(np.floor(place))
        part = place - lower
        return (1.0 - part) * self.means[:, lower % BINS] + part * self.means[:, (lower + 1) % BINS]

    def learn(self, trimmed: Floats, usual: Floats, middle_at: float, floor: Floats) -> None:
        """Takes the newest values. A bin is filled in when the first value of another one comes."""
        measured = np.isfinite(trimmed)
        now = int(middle_at % _DAY_S / _DAY_S * BINS)
        self._close(measured & (self.bin != now) & (self.number > 0))
        self.bin = np.where(measured, float(now), self.bin)
        self.total = self.total + np.where(measured, trimmed, 0.0)
        self.number = self.number + measured
        known = measured & np.isfinite(usual) & (np.abs(usual) > floor)
        ratio = np.clip(np.where(known, trimmed, 0.0) / np.where(known, usual, 1.0), 0.2, 5.0)
        self.scale = np.where(known, self.scale + _SCALE * (ratio - self.scale), self.scale)

    def _close(self, ended: Bools) -> None:
        rows = np.flatnonzero(ended)
        if not len(rows):
            return
        bins = self.bin[rows].astype(int)
        mean = self.total[rows] / self.number[rows]
        old = self.means[rows, bins]
        self.means[rows, bins] = np.where(np.isfinite(old), old + _NEW_DAY * (mean - old), mean)
        self.total[rows] = self.number[rows] = 0.0
