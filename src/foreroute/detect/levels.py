"""Where each series is: exponentially weighted means at three speeds, and the last values.

Values come in already trimmed (see `foreroute.detect.bank`), so an outlier moves the levels only a little, while a
change that stays carries them along.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.detect.columns import Bools, Floats, blend

_FAST: Final = 0.4
_MIDDLE: Final = 0.1
_SLOW: Final = 0.01
_SIZE: Final = 0.001


@dataclass(slots=True)
class Levels:
    """Shapes (series,). NaN until the first value."""

    size: Floats
    """Usual absolute size, over about a thousand windows."""
    fast: Floats
    middle: Floats
    slow: Floats
    last: Floats
    """The newest trimmed value."""
    count: Floats
    """Measured windows so far."""

    @classmethod
    def empty(cls, rows: int) -> "Levels":
        none = np.full(rows, np.nan)
        return cls(none, none.copy(), none.copy(), none.copy(), none.copy(), np.zeros(rows))

    def learn(self, trimmed: Floats, *, follow: Bools) -> None:
        """Takes the newest values, NaN where none is. Where `follow`, levels jump after them: the past is void."""
        at_least = np.where(follow, 0.5, 1.0 / (self.count + 1.0))
        self.size = blend(self.size, np.abs(trimmed), np.maximum(_SIZE, 1.0 / (self.count + 1.0)))
        self.fast = blend(self.fast, trimmed, np.maximum(_FAST, at_least))
        self.middle = blend(self.middle, trimmed, np.maximum(_MIDDLE, at_least))
        self.slow = blend(self.slow, trimmed, np.maximum(_SLOW, at_least))
        self.last = np.where(np.isfinite(trimmed), trimmed, self.last)
        self.count = self.count + np.isfinite(trimmed)
