"""How often each kind of message came, tick by tick: patterns themselves only know their whole life."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from foreroute.control.incidents.seen import PatternHit
from foreroute.core.ids import ChannelId
from foreroute.core.patterns import FailurePattern

_KEPT_S: Final = 900.0


class HitCounter:
    """Keeps the last quarter of an hour."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, ChannelId], int] = {}
        self._hits: deque[PatternHit] = deque()

    def begin(self, patterns: Iterable[FailurePattern]) -> None:
        """What came before this run is not counted."""
        self._totals = _totals(patterns)

    def count(self, at: float, patterns: Sequence[FailurePattern]) -> list[PatternHit]:
        """All hits that are kept, with those since the last call."""
        now = _totals(patterns)
        named = {one.id: one for one in patterns}
        for key, total in now.items():
            if (more := total - self._totals.get(key, 0)) > 0:
                name, channel = key
                one = named[name]
                self._hits.append(PatternHit(at, name, channel, more, one.text, one.example))
        self._totals = now
        while self._hits and self._hits[0].at < at - _KEPT_S:
            self._hits.popleft()
        return list(self._hits)


def _totals(patterns: Iterable[FailurePattern]) -> dict[tuple[str, ChannelId], int]:
    return {(one.id, channel): hits for one in patterns for channel, hits in one.channels.items()}
