"""How many attempts a channel is sent for each that it accepts. Pure: the time of each call is handed in.

Adaptive throttling (Beyer et al., "Site Reliability Engineering", 2016, chapter 21): of `sent` attempts a part of
`(sent − k × accepted) / (sent + 1)` is not sent. An attempt counts when it is sent, not when it ends, or a channel
whose answers take a minute would be noticed a minute late; but one that is younger than what nearly all answers take
counts as accepted, or a burst would be held against the channel before it can have answered. Requests that went
elsewhere are not counted: there are other channels for them.
"""

from collections import deque
from typing import Final

_BUCKET_S: Final = 2.0
_WINDOW_S_MIN: Final = 120.0
_ROWS_MAX: Final = 900


class Admission:
    """Costs one small row for two seconds of traffic."""

    def __init__(self) -> None:
        self._rows: deque[list[float]] = deque(maxlen=_ROWS_MAX)  # [start, sent, accepted, pushed back]

    def sent(self, at: float) -> None:
        if not self._rows or at - self._rows[-1][0] >= _BUCKET_S:
            self._rows.append([at, 0, 0, 0])
        self._rows[-1][1] += 1

    def ended(self, sent_at: float, *, accepted: bool) -> None:
        """What became of an attempt that was sent then; of one that is forgotten already nothing is kept."""
        for row in reversed(self._rows):
            if row[0] <= sent_at:
                row[2 if accepted else 3] += 1
                return

    def refusal_ratio(self, factor: float, patience_s: float, at: float) -> float:
        """The part of requests that should go elsewhere, 0…1. `factor` > 1: attempts for each accepted one."""
        window_s = max(_WINDOW_S_MIN, 2.0 * patience_s)
        while self._rows and self._rows[0][0] < at - window_s:
            self._rows.popleft()
        if not any(row[3] for row in self._rows):
            return 0.0
        sent = accepted = 0.0
        for start, begun, taken, pushed in self._rows:
            sent += begun
            accepted += begun - pushed if start > at - patience_s else taken
        return max(0.0, (sent - factor * accepted) / (sent + 1.0))
