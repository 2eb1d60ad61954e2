"""Where the gateway leaves its attempts: a queue that never blocks and never raises."""

import threading
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
        # Held by whoever takes attempts out, never waited for by whoever puts one in.
        self._taking = threading.Lock()
        self._drained = 0
        self._dropped = 0

    @property
    def recorded(self) -> int:
        # Counted from what left the queue: appending to a deque is atomic, counting beside it would not be.
        with self._taking:
            return self._drained + self._dropped + len(self._waiting)

    @property
    def dropped(self) -> int:
        return self._dropped

    def record(self, attempt: Attempt) -> None:
        self._waiting.append(attempt)
        # While another thread drains, the queue becomes short without our help.
        if len(self._waiting) > self._waiting_max and self._taking.acquire(blocking=False):
            try:
                while len(self._waiting) > self._waiting_max:
                    self._waiting.popleft()
                    self._dropped += 1
            finally:
                self._taking.release()

    def drain(self) -> list[Attempt]:
        """All that was waiting at the call, in the order of its coming."""
        with self._taking:
            taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
            self._drained += len(taken)
        return taken


class Fanout:
    """One sink that is several."""

    def __init__(self, sinks: Sequence[AttemptSink]) -> None:
        self._sinks = tuple(sinks)

    def record(self, attempt: Attempt) -> None:
        for sink in self._sinks:
            sink.record(attempt)
