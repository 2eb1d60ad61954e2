"""The recent minutes of every channel, in memory: what the stages of a tick look at."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from foreroute.control.totals import Totals
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series, count_of, value_of

_NOTHING: Final = (math.nan, 0.0)


@dataclass(slots=True)
class _Line:
    """A series as it was read last, and which of its steps have changed since."""

    first: int
    values: list[float] = field(default_factory=list)
    counts: list[float] = field(default_factory=list)
    stale: set[int] = field(default_factory=set)

    def forget(self) -> None:
        self.values.clear()
        self.counts.clear()
        self.stale.clear()


class _Window:
    """All rollups of one window: by channel and source, and as one of each channel."""

    def __init__(self, merge: Callable[[Sequence[Rollup]], Rollup]) -> None:
        self._merge = merge
        self._sources: dict[ChannelId, dict[str, Rollup]] = {}
        self._whole: dict[ChannelId, Rollup] = {}
        self._told: dict[ChannelId, dict[Metric, tuple[float, float]]] = {}
        self._ordered: list[Rollup] | None = None

    @property
    def channels(self) -> Iterable[ChannelId]:
        return self._sources

    def put(self, rollup: Rollup) -> None:
        channel = rollup.channel
        self._sources.setdefault(channel, {})[rollup.source] = rollup
        self._whole.pop(channel, None)
        self._told[channel] = {}
        self._ordered = None

    def ordered(self) -> list[Rollup]:
        """One of each channel, by name; the same list until something is put in."""
        if self._ordered is None:
            self._ordered = [self._one(channel) for channel in sorted(self._sources)]
        return self._ordered

    def tell(self, channel: ChannelId, metric: Metric) -> tuple[float, float]:
        """The value of a metric and how many requests are behind it."""
        told = self._told[channel]
        if metric not in told:
            rollup = self._one(channel)
            told[metric] = value_of(rollup, metric), count_of(rollup, metric)
        return told[metric]

    def _one(self, channel: ChannelId) -> Rollup:
        if channel not in self._whole:
            rollups = list(self._sources[channel].values())
            self._whole[channel] = rollups[0] if len(rollups) == 1 else self._merge(rollups)
        return self._whole[channel]


class History:
    """Keeps the rollups of the last `keep_s` seconds; the newest rollup of a (channel, window, source) wins.

    `merge` makes one rollup of several (see `foreroute.monitor.fold`). What has been read from a window is remembered
    until the window changes: reading all of them again, every tick, would be most of its work.
    """

    def __init__(
        self, merge: Callable[[Sequence[Rollup]], Rollup], *, window_s: float, keep_s: float
    ) -> None:
        self._merge = merge
        self._window_s = window_s
        self._keep_s = keep_s
        self._windows: dict[float, _Window] = {}
        # By the number of a window's step since the epoch: instants are floats.
        self._steps: dict[tuple[int, ChannelId], _Window] = {}
        self._lines: dict[ChannelId, dict[Metric, _Line]] = {}
        self._totals = Totals()

    def add(self, rollups: Iterable[Rollup]) -> None:
        for rollup in rollups:
            window = self._windows.get(rollup.window_start)
            if window is None:
                window = self._windows[rollup.window_start] = _Window(self._merge)
            window.put(rollup)
            step = self._step(rollup.window_start)
            self._steps[step, rollup.channel] = window
            self._mark(step, rollup.channel)

    def forget(self, at: float) -> None:
        for window_start in [one for one in self._windows if one < at - self._keep_s]:
            step = self._step(window_start)
            for channel in self._windows.pop(window_start).channels:
                self._steps.pop((step, channel), None)
                self._mark(step, channel)

    def earliest(self, otherwise: float) -> float:
        """The start of the oldest window that is kept."""
        return min(self._windows, default=otherwise)

    def rollups(self, *, start_at: float, end_at: float) -> list[Rollup]:
        """One rollup per channel and window with start_at ≤ window_start < end_at, by time and channel."""
        return [rollup for window in self._between(start_at, end_at).values() for rollup in window]

    def totals(self, *, start_at: float, end_at: float) -> list[Rollup]:
        """One rollup per channel: attempts, successes and tokens of `rollups` added up, and nothing else of them."""
        return self._totals.of(self._between(start_at, end_at))

    def series(self, channel: ChannelId, metric: Metric, *, end_at: float) -> Series:
        """The metric over the whole time kept, on the grid that ends at `end_at`; NaN where no rollup is."""
        steps, step_s = round(self._keep_s / self._window_s), self._window_s
        start_at = end_at - steps * step_s
        line = self._line(channel, metric, self._step(start_at), steps)
        return Series(
            channel=channel,
            metric=metric,
            start_at=start_at,
            step_s=step_s,
            values=tuple(line.values),
            counts=tuple(line.counts),
        )

    def _between(self, start_at: float, end_at: float) -> dict[float, list[Rollup]]:
        starts = sorted(one for one in self._windows if start_at <= one < end_at)
        return {one: self._windows[one].ordered() for one in starts}

    def _line(self, channel: ChannelId, metric: Metric, first: int, steps: int) -> _Line:
        """So many windows from the first on. Only what has changed since it was asked is looked up."""
        lines = self._lines.setdefault(channel, {})
        line = lines.get(metric)
        if line is None or not line.first <= first <= line.first + len(line.values):
            line = lines[metric] = _Line(first)
        for numbers in (line.values, line.counts):
            del numbers[: first - line.first]
            del numbers[steps:]
        line.first = first
        for step in line.stale:
            if 0 <= step - first < len(line.values):
                line.values[step - first], line.counts[step - first] = self._tell(step, channel, metric)
        line.stale.clear()
        for step in range(first + len(line.values), first + steps):
            value, count = self._tell(step, channel, metric)
            line.values.append(value)
            line.counts.append(count)
        return line

    def _mark(self, step: int, channel: ChannelId) -> None:
        for line in self._lines.get(channel, {}).values():
            line.stale.add(step)
            if len(line.stale) > len(line.values):  # nobody has asked for long: it is read anew then
                line.forget()

    def _tell(self, step: int, channel: ChannelId, metric: Metric) -> tuple[float, float]:
        window = self._steps.get((step, channel))
        return _NOTHING if window is None else window.tell(channel, metric)

    def _step(self, start_at: float) -> int:
        return round(start_at / self._window_s)
