"""The recent minutes of every channel, in memory: what the stages of a tick look at."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series, count_of, value_of

_Window = tuple[float, ChannelId]
_NOTHING: Final = (math.nan, 0.0)


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

    def add(self, rollups: Iterable[Rollup]) -> None:
        for rollup in rollups:
            key = rollup.window_start, rollup.channel
            self._windows.setdefault(key, {})[rollup.source] = rollup
            self._told[self._step(rollup.window_start), rollup.channel] = key, {}

    def forget(self, at: float) -> None:
        for key in [key for key in self._windows if key[0] < at - self._keep_s]:
            del self._windows[key]
            self._told.pop((self._step(key[0]), key[1]), None)

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
        first = self._step(start_at)
        found = [self._tell((number, channel), metric) for number in range(first, first + steps)]
        values, counts = zip(*found, strict=True) if found else ((), ())
        return Series(
            channel=channel, metric=metric, start_at=start_at, step_s=step_s, values=values, counts=counts
        )

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
