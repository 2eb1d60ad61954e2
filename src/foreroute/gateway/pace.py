"""How fast a channel may be asked that refuses for its rate without saying when to come back. Pure.

A limit that nobody announces has to be felt out. At a refusal the pace becomes nine tenths of what the channel has
served lately; from then on it grows, slowly at first and faster the longer all goes well (as TCP's CUBIC does, RFC 9438),
so that a limit that stays is touched about once in a minute, and one that has gone is soon forgotten.
"""

import math
from typing import Final

_MEMORY_S: Final = 10.0
"""What was served is forgotten with this time constant."""
_CUT: Final = 0.9
_NEAR: Final = 0.6
"""A pace of which this much was served is believed: counts of a few requests scatter."""
_FLOOR_PER_S: Final = 1.0 / 20.0
_GROWTH_PER_S: Final = 0.001
_DOUBLING_S: Final = 60.0
_FORGET_S: Final = 600.0
_BURST: Final = 2.0
"""What comes at odd moments may catch up a little."""


class Pace:
    """One channel's. Instants in seconds of any origin. Without a refusal nothing is held back."""

    def __init__(self) -> None:
        self._served = 0.0
        self._served_at = 0.0
        self._cut_per_s = math.inf
        self._cut_at = -math.inf
        self._tokens = _BURST
        self._filled_at = 0.0

    def served(self, at: float) -> None:
        self._served = self._lately(at) + 1.0
        self._served_at = at

    def refused(self, at: float) -> None:
        """The channel has refused for its rate, and has not said for how long."""
        before, measured = self.per_s(at), self._lately(at) / _MEMORY_S
        base = before if measured >= _NEAR * before else measured
        self._cut_per_s = max(_FLOOR_PER_S, _CUT * base)
        self._cut_at = self._filled_at = at
        self._tokens = 0.0

    def per_s(self, at: float) -> float:
        """Requests a second that the channel may have; infinity: as many as come."""
        since_s = at - self._cut_at
        if since_s >= _FORGET_S:
            return math.inf
        doublings = _DOUBLING_S / math.log(2.0) * (2.0 ** (since_s / _DOUBLING_S) - 1.0)
        return self._cut_per_s * math.exp(_GROWTH_PER_S * doublings)

    def wait_s(self, at: float) -> float:
        """Seconds until the next request may go; 0: now."""
        rate = self.per_s(at)
        if math.isinf(rate):
            return 0.0
        lacking = 1.0 - min(_BURST, self._tokens + (at - self._filled_at) * rate)
        return lacking / rate if lacking > 1e-9 else 0.0

    def take(self, at: float) -> None:
        """A request goes now."""
        rate = self.per_s(at)
        if not math.isinf(rate):
            self._tokens = min(_BURST, self._tokens + (at - self._filled_at) * rate) - 1.0
            self._filled_at = at

    def _lately(self, at: float) -> float:
        return self._served * math.exp(-max(0.0, at - self._served_at) / _MEMORY_S)
