"""The recent minutes of every channel, in memory: what the stages of a tick look at."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series, count_of, value_of

_Window = tuple[float, ChannelId]
_NOTHING: Final = (math.nan, 0.0)


@dataclass(slots=True)
class _Line:
    """A series as it was read last, and which of its steps have changed since."""

    first: int
    told: list[tuple[float, float]] = field(default_factory=list)
    stale: set[int] = field(default_factory=set)


class History:
    """Keeps the rollups of the last `keep_s` seconds; the newest rollup of a (channel, window, source) wins.

    `merge` makes one rollup of several (see `foreroute.monitor.fold`).
    """

    def __init__(
        self, merge: Callable[[Sequence[Rollup]], Rollup], *, window_s: float, keep_s: float
    ) -> None:
        self._merge = merge
        self._window_s = window_s
        self._keep_s = keep_s
        self._windows: dict[_Window, dict[str, Rollup]] = {}
        # What has been read from each window, by the number of its step since the epoch (instants are floats): reading
        # all of them again, every tick, would be most of its work.
        self._told: dict[tuple[int, ChannelId], tuple[_Window, dict[Metric, tuple[float, float]]]] = {}
        self._lines: dict[ChannelId, dict[Metric, _Line]] = {}

    def add(self, rollups: Iterable[Rollup]) -> None:
        for rollup in rollups:
            key = rollup.window_start, rollup.channel
            self._windows.setdefault(key, {})[rollup.source] = rollup
            step = self._step(rollup.window_start)
            self._told[step, rollup.channel] = key, {}
            self._mark(step, rollup.channel)

    def forget(self, at: float) -> None:
        for key in [key for key in self._windows if key[0] < at - self._keep_s]:
            del self._windows[key]
            step = self._step(key[0])
            self._told.pop((step, key[1]), None)
            self._mark(step, key[1])

    def earliest(self, otherwise: float) -> float:
        """The start of the oldest window that is kept."""
        return min((window_start for window_start, _ in self._windows), default=otherwise)

    def rollups(self, *, start_at: float, end_at: float) -> list[Rollup]:
        """One rollup per channel and window with start_at ≤ window_start < end_at, by time and channel."""
        keys = sorted(key for key in self._windows if start_at <= key[0] < end_at)
        return [self._one(self._windows[key]) for key in keys]

    def series(self, channel: ChannelId, metric: Metric, *, end_at: float) -> Series:
        """The metric over the whole time kept, on the grid that ends at `end_at`; NaN where no rollup is."""
        steps, step_s = round(self._keep_s / self._window_s), self._window_s
        start_at = end_at - steps * step_s
        values, counts = self._line(channel, metric, self._step(start_at), steps)
        return Series(
            channel=channel, metric=metric, start_at=start_at, step_s=step_s, values=values, counts=counts
        )

    def _line(
        self, channel: ChannelId, metric: Metric, first: int, steps: int
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Values and counts of so many windows from the first on. Only what has changed since it was asked is looked up."""
        lines = self._lines.setdefault(channel, {})
        line = lines.get(metric)
        if line is None or not line.first <= first <= line.first + len(line.told):
            line = lines[metric] = _Line(first)
        del line.told[: first - line.first]
        line.first = first
        del line.told[steps:]
        for step in line.stale:
            if 0 <= step - first < len(line.told):
                line.told[step - first] = self._tell((step, channel), metric)
        line.stale.clear()
        line.told += [
            self._tell((step, channel), metric) for step in range(first + len(line.told), first + steps)
        ]
        values, counts = zip(*line.told, strict=True) if line.told else ((), ())
        return values, counts

    def _mark(self, step: int, channel: ChannelId) -> None:
        for line in self._lines.get(channel, {}).values():
            line.stale.add(step)
            if len(line.stale) > len(line.told):  # nobody has asked for long: it is read anew then
                line.told.clear()
                line.stale.clear()

    def _tell(self, step: tuple[int, ChannelId], metric: Metric) -> tuple[float, float]:
        """The value of one window and how many requests are behind it."""
        if step not in self._told:
            return _NOTHING
        key, told = self._told[step]
        if metric not in told:
            rollup = self._one(self._windows[key])
            told[metric] = value_of(rollup, metric), count_of(rollup, metric)
        return told[metric]

    def _step(self, start_at: float) -> int:
        return round(start_at / self._window_s)

    def _one(self, sources: dict[str, Rollup]) -> Rollup:
        rollups = list(sources.values())
        return rollups[0] if len(rollups) == 1 else self._merge(rollups)
