"""How far off is usual: the exponentially weighted absolute residual of every series and way of expecting.

Residuals are clipped at a few spreads, so an incident hardly widens what counts as usual. Stretches that do not move at
all (a stuck or interpolated source) teach nothing: after them every honest value would look wild.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.detect.columns import Bools, Floats

_MEMORY: Final = 0.003
NORMAL: Final = 1.25
"""Standard deviation over mean absolute deviation of a normal law."""
FLOOR: Final = 0.03
"""No series counts as calmer: so a change of less than about a fifth is no alarm, however smooth the series."""
_CEILING: Final = 0.6
_STILL: Final = 0.02
_STILL_WINDOWS: Final = 3


@dataclass(slots=True)
class Spread:
    scale: Floats
    """(series, ways): log-ratio units, about a standard deviation."""
    before: Floats
    """(series, 2): the last two values, untrimmed."""
    still: Floats
    """(series,): windows in a row on one straight line."""

    @classmethod
    def empty(cls, rows: int) -> "Spread":
        return cls(np.full((rows, 3), 0.1), np.full((rows, 2), np.nan), np.zeros(rows))

    def learn(self, values: Floats, residuals: Floats, count: Floats, clip: Floats, *, rows: Bools) -> None:
        """`clip`: how many spreads a residual counts at most. Only `rows` learn."""
        moved = self._moved(values)
        weight = np.maximum(_MEMORY, 1.0 / (count + 2.0))[:, None]
        seen = np.minimum(np.abs(residuals), clip[:, None] * self.scale) * NORMAL
        learnt = np.clip(self.scale + weight * (seen - self.scale), FLOOR, _CEILING)
        usable = np.isfinite(seen) & (moved & rows)[:, None]
        self.scale = np.where(usable, learnt, self.scale)

    def _moved(self, values: Floats) -> Bools:
        measured = np.isfinite(values)
        bend = np.abs(values - 2.0 * self.before[:, 0] + self.before[:, 1])
        on_line = measured & (bend < _STILL * self.scale[:, 0] * np.abs(values) + 1e-12)
        self.still = np.where(on_line, self.still + 1.0, 0.0)
        shifted = np.stack([values, self.before[:, 0]], axis=1)
        self.before = np.where(measured[:, None], shifted, self.before)
        moved: Bools = self.still < _STILL_WINDOWS
        return moved
