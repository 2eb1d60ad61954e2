"""The world's time while it is played in real time."""

import time
from typing import Protocol


class Now(Protocol):
    def now(self) -> float: ...


class Pace:
    """Stands still at `start_at` until `begin`."""

    def __init__(self, start_at: float) -> None:
        self._start_at = start_at
        self._began: float | None = None

    def begin(self) -> None:
        self._began = time.perf_counter()

    def now(self) -> float:
        return self._start_at if self._began is None else self._start_at + time.perf_counter() - self._began
