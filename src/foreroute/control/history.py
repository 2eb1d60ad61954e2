"""The recent minutes of every channel, in memory: what the stages of a tick look at."""

from collections.abc import Callable, Iterable, Sequence

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series, series_of


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
        self._windows: dict[tuple[float, ChannelId], dict[str, Rollup]] = {}

    def add(self, rollups: Iterable[Rollup]) -> None:
        for rollup in rollups:
            self._windows.setdefault((rollup.window_start, rollup.channel), {})[rollup.source] = rollup

    def forget(self, at: float) -> None:
        for key in [key for key in self._windows if key[0] < at - self._keep_s]:
            del self._windows[key]

    def earliest(self, otherwise: float) -> float:
        """The start of the oldest window that is kept."""
        return min((window_start for window_start, _ in self._windows), default=otherwise)

    def rollups(self, *, start_at: float, end_at: float) -> list[Rollup]:
        """One rollup per channel and window with start_at ≤ window_start < end_at, by time and channel."""
        keys = sorted(key for key in self._windows if start_at <= key[0] < end_at)
        return [self._one(self._windows[key]) for key in keys]

    def series(
        self, channel: ChannelId, metric: Metric, *, end_at: float, rollups: Sequence[Rollup]
    ) -> Series:
        """The metric over the whole window kept, on the grid that ends at `end_at`."""
        start_at = end_at - self._keep_s
        return series_of(rollups, channel, metric, start_at=start_at, end_at=end_at, step_s=self._window_s)

    def _one(self, sources: dict[str, Rollup]) -> Rollup:
        rollups = list(sources.values())
        return rollups[0] if len(rollups) == 1 else self._merge(rollups)
