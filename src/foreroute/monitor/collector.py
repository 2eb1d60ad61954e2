"""Where the gateway leaves its attempts: a queue that never blocks and never raises."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from foreroute.core.attempt import Attempt
from foreroute.core.ports import AttemptSink

WAITING_MAX: Final = 2_000_000


class Collector:
    """Takes attempts from any thread; the tick drains them.

    `recorded` counts what came in. Should nobody drain for very long, the oldest attempts are dropped and
    counted in `dropped` rather than let memory grow without end.
    """

    def __init__(self, waiting_max: int = WAITING_MAX) -> None:
        self._waiting: deque[Attempt] = deque()
        self._waiting_max = waiting_max
        self.recorded = 0
        self.dropped = 0

    def record(self, attempt: Attempt) -> None:
        self._waiting.append(attempt)
        self.recorded += 1
        if len(self._waiting) > self._waiting_max:
            self._waiting.popleft()
            self.dropped += 1

    def drain(self) -> list[Attempt]:
        """All that is waiting, in the order of its coming."""
        taken = []
        while self._waiting:
            try:
                taken.append(self._waiting.popleft())
            except IndexError:  # another thread dropped the last one
                break
        return taken


class Fanout:
    """One sink that is several."""

    def __init__(self, sinks: Sequence[AttemptSink]) -> None:
        self._sinks = tuple(sinks)

    def record(self, attempt: Attempt) -> None:
        for sink in self._sinks:
            sink.record(attempt)
