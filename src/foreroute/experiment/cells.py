"""The sums of one unit that makes several requests: a user, a key, a session, or a slot of time."""

from array import array
from typing import Final

from foreroute.experiment.measures import COUNTED, Measure

_WIDTH: Final = 5
_INDEX: Final = {measure: number * _WIDTH for number, measure in enumerate(COUNTED)}


class Cells:
    """For each measure: requests, their sum, the sum of what was known before; and of the time before it began,
    requests and their sum.
    """

    __slots__ = ("_values", "arm")

    def __init__(self, arm: str, stored: bytes = b"") -> None:
        self.arm = arm
        self._values = array("d", stored)
        self._values.extend([0.0] * (len(COUNTED) * _WIDTH - len(self._values)))

    def sums(self, measure: Measure) -> tuple[float, float, float]:
        at = _INDEX[measure]
        return self._values[at], self._values[at + 1], self._values[at + 2]

    def add(self, measure: Measure, y: float, x: float) -> None:
        at = _INDEX[measure]
        self._values[at] += 1.0
        self._values[at + 1] += y
        self._values[at + 2] += x

    def add_before(self, measure: Measure, y: float) -> None:
        at = _INDEX[measure]
        self._values[at + 3] += 1.0
        self._values[at + 4] += y

    def mean_before(self, measure: Measure) -> float | None:
        """None: nothing was seen of it before."""
        at = _INDEX[measure]
        count = self._values[at + 3]
        return self._values[at + 4] / count if count else None

    def dump(self) -> bytes:
        return self._values.tobytes()
