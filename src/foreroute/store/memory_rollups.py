"""The reference for rollups: plain dictionaries. What a real store must do is what this does."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup, Tiers
from foreroute.core.series import Metric, Samples, samples_of
from foreroute.store.spans import DAY_S, HOUR_S, Merge, Span, aligned, floor_to, joined, span_of

_Window = tuple[float, ChannelId, str]
"""(window_start, channel, segment)"""
_T = TypeVar("_T")


class MemoryRollups:
    def __init__(self, merge: Merge) -> None:
        self._merge = merge
        self._rollups: dict[_Window, dict[str, Rollup]] = {}
        self._spans: dict[float, dict[_Window, Span]] = {HOUR_S: {}, DAY_S: {}}
        """Hours and days."""

    async def append(self, rollups: Sequence[Rollup]) -> None:
        for rollup in rollups:
            if not self._absorbed(rollup):
                key = (rollup.window_start, rollup.channel, rollup.segment)
                self._rollups.setdefault(key, {})[rollup.source] = rollup

    async def read(
        self,
        *,
        start_at: float,
        end_at: float,
        channels: Sequence[ChannelId] | None = None,
        segment: str = "",
    ) -> list[Rollup]:
        def wanted(key: _Window) -> bool:
            known = channels is None or key[1] in channels
            return start_at <= key[0] < end_at and key[2] == segment and known

        found = {
            key: merged(sources.values(), self._merge)
            for key, sources in self._rollups.items()
            if wanted(key)
        }
        for spans in self._spans.values():
            found |= {key: span.rollup for key, span in spans.items() if wanted(key)}
        return [found[key] for key in sorted(found)]

    async def series(
        self, channel: ChannelId, metric: Metric, *, start_at: float, end_at: float, segment: str = ""
    ) -> Samples:
        found = await self.read(start_at=start_at, end_at=end_at, channels=[channel], segment=segment)
        return samples_of(found, channel, metric)

    async def prune(self, before_at: float) -> int:
        old = [key for key in self._rollups if key[0] < before_at]
        gone = sum(len(self._rollups.pop(key)) for key in old)
        for spans in self._spans.values():
            for key in [key for key in spans if key[0] < before_at]:
                del spans[key]
                gone += 1
        return gone

    async def thin(self, tiers: Tiers) -> int:
        """All at once: there is no one to wait for it."""
        tiers = aligned(tiers)
        hours, days = self._spans[HOUR_S], self._spans[DAY_S]
        old = {key: one for key, one in self._rollups.items() if key[0] < tiers.hours_at}
        for key, rollups in _grouped(old, HOUR_S).items():
            every = [one for sources in rollups for one in sources.values()]
            hours[key] = span_of(every, self._merge, start_at=key[0], window_s=HOUR_S, old=hours.get(key))
        self._rollups = {key: one for key, one in self._rollups.items() if key not in old}
        late = {key: span for key, span in hours.items() if key[0] < tiers.days_at}
        for key, spans in _grouped(late, DAY_S).items():
            known = [days[key], *spans] if key in days else spans
            days[key] = joined(known, self._merge, start_at=key[0], window_s=DAY_S)
        self._spans[HOUR_S] = {key: span for key, span in hours.items() if key not in late}
        return sum(map(len, old.values())) + len(late) + await self.prune(tiers.gone_at)

    def _absorbed(self, rollup: Rollup) -> bool:
        for window_s, spans in self._spans.items():
            key = (floor_to(rollup.window_start, window_s), rollup.channel, rollup.segment)
            if (old := spans.get(key)) is not None:
                spans[key] = span_of([rollup], self._merge, start_at=key[0], window_s=window_s, old=old)
                return True
        return False


def merged(rollups: Iterable[Rollup], merge: Callable[[Sequence[Rollup]], Rollup]) -> Rollup:
    """One rollup of a window's sources, in the order of their names."""
    known = sorted(rollups, key=lambda rollup: rollup.source)
    return known[0] if len(known) == 1 else merge(known)


def _grouped(windows: dict[_Window, _T], step_s: float) -> dict[_Window, list[_T]]:
    groups: dict[_Window, list[_T]] = {}
    for (at, channel, segment), one in sorted(windows.items(), key=lambda item: item[0]):
        groups.setdefault((floor_to(at, step_s), channel, segment), []).append(one)
    return groups
