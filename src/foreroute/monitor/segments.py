"""Which parts of a channel's attempts are counted for themselves too: by route, by the client's region."""

import logging
from collections.abc import Sequence
from typing import Final

from foreroute.core.attempt import Attempt

_log: Final = logging.getLogger("foreroute.monitor")
WHOLE: Final = ""
OTHER: Final = "(other)"
"""What comes after `segments_max` names. In brackets, as no route can be called."""
NONE: Final = "(none)"
"""Attempts that do not say."""


class Segments:
    """Names the segments of attempts, at most `segments_max` by each property: memory and disk stay bounded.

    A region is what a header says, so the names are not ours to bound. Which ones come first is chance; what comes
    after is counted under `(other)` and in `others`, and said once.
    """

    def __init__(self, by: Sequence[str] = (), *, segments_max: int = 100) -> None:
        self._by = tuple(by)
        self._segments_max = segments_max
        self._known: dict[str, dict[str, str]] = {name: {} for name in self._by}
        self.others = 0
        self._said: set[str] = set()

    def of(self, attempt: Attempt) -> tuple[str, ...]:
        """The whole channel first, then one segment by each property."""
        if not self._by:
            return (WHOLE,)
        return (WHOLE, *(self._segment(name, getattr(attempt, name) or NONE) for name in self._by))

    def _segment(self, name: str, value: str) -> str:
        known = self._known[name]
        if (segment := known.get(value)) is not None:
            return segment
        if len(known) < self._segments_max:
            known[value] = f"{name}={value}"
            return known[value]
        self.others += 1
        if name not in self._said:
            self._said.add(name)
            _log.warning("segments_full", extra={"by": name, "segments_max": self._segments_max})
        return f"{name}={OTHER}"
