"""How far something long is, and how long it will still take. Seen on a terminal only: a log wants no such lines."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TextIO

_SHOWN_AFTER_S: Final = 2.0
_EVERY_S: Final = 0.2
_WIDTH: Final = 24


@dataclass(slots=True)
class Progress:
    """Call it with what is done and all there is; `now` in seconds. One line, written over, and gone at the end."""

    what: str
    now: Callable[[], float]
    out: TextIO = field(default_factory=lambda: sys.stderr)
    _began_at: float | None = None
    _shown_at: float = -1.0

    def __call__(self, done: int, total: int) -> None:
        at = self.now()
        if self._began_at is None:
            self._began_at = at
        took_s = at - self._began_at
        if not self.out.isatty() or took_s < _SHOWN_AFTER_S:
            return
        if done >= total:
            self._put("")
        elif at - self._shown_at >= _EVERY_S:
            self._shown_at = at
            self._put(self._line(done, total, took_s))

    def _line(self, done: int, total: int, took_s: float) -> str:
        filled = _WIDTH * done // total
        left = f", {_short(took_s * (total - done) / done)} left" if done else ""
        return f"{'█' * filled}{'░' * (_WIDTH - filled)} {done} of {total} {self.what}{left}"

    def _put(self, line: str) -> None:
        self.out.write(f"\r\x1b[K{line}")
        self.out.flush()


def _short(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
