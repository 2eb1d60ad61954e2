"""Attempts to minutes. Pure: the result does not depend on the order or the batches in which attempts come.

An attempt belongs to the window in which it ended. Percentiles of a window that one writer saw are exact
(linear interpolation between order statistics); percentiles of merged rollups come from their sketches,
by the same interpolation, within 1 %.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import repeat

from foreroute.core.attempt import NO_USAGE, Attempt, Outcome, Usage
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import NO_LATENCY, LatencySummary, Rollup
from foreroute.core.work import NO_RATIO, Ratio
from foreroute.monitor import sketch
from foreroute.monitor.segments import Segments

_RANKS = (0.5, 0.95, 0.99)
_Key = tuple[float, ChannelId, str]
"""(window_start, channel, segment)"""


@dataclass(slots=True)
class _Window:
    """The attempts of one channel's minute, as far as they are known."""

    source: str
    late: bool = False
    """It was closed before this came."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failures: Counter[FailureClass] = field(default_factory=Counter)
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    first_chunks: "array[float]" = field(default_factory=lambda: array("d"))
    slowdowns: list[float] = field(default_factory=lambda: [0.0, 0.0])
    known: list[int] = field(default_factory=lambda: [0, 0])
    """Sums and counts of the ratios of whole answers and of first chunks."""
    usage: Usage = NO_USAGE
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, attempt: Attempt, ratio: Ratio) -> None:
        self.outcomes[attempt.outcome] += 1
        if attempt.failure_class is not None and attempt.outcome in (Outcome.FAILURE, Outcome.TIMEOUT):
            self.failures[attempt.failure_class] += 1
        if attempt.outcome is Outcome.SUCCESS:
            self.latencies.append(attempt.duration_s)
            if attempt.stream and attempt.time_to_first_chunk_s is not None:
                self.first_chunks.append(attempt.time_to_first_chunk_s)
            for part, value in enumerate(ratio):
                if value == value:  # noqa: PLR0124 - not NaN
                    self.slowdowns[part] += value
                    self.known[part] += 1
        self.usage += attempt.usage
        if attempt.cost_usd is None:
            self.unpriced += 1
        else:
            self.cost_usd += attempt.cost_usd


class Folder:
    """Keeps recent windows open, so that a late attempt changes its own minute and no other.

    An attempt for a window that is closed already makes a second rollup of it, under a source of its own
    (`run~3`): it adds to the stored one instead of replacing it. Such a rollup is emitted once and never again,
    for the window may be part of an hour by then. Nothing is lost, whenever it comes.
    With `segments`, an attempt counts in those of its channel as well.
    """

    def __init__(self, *, window_s: float, source: str, segments: Segments | None = None) -> None:
        self._window_s = window_s
        self._source = source
        self._segments_of = (segments or Segments()).of
        self._windows: dict[_Key, _Window] = {}
        self._touched: set[_Key] = set()
        self._closed_before = -math.inf
        self._late = 0

    def add(self, attempts: Iterable[Attempt], ratios: Iterable[Ratio] = repeat(NO_RATIO)) -> None:
        """`ratios`: how slow each attempt was, in the same order."""
        for attempt, ratio in zip(attempts, ratios, strict=False):
            start_at = attempt.ended_at // self._window_s * self._window_s
            for segment in self._segments_of(attempt):
                key = (start_at, attempt.channel, segment)
                window = self._windows.get(key)
                if window is None:
                    window = self._windows[key] = self._open(start_at)
                window.add(attempt, ratio)
                self._touched.add(key)

    def changed(self) -> tuple[Rollup, ...]:
        """The whole rollup of each window that was touched since the last call, by time, channel and segment."""
        keys, self._touched = sorted(self._touched), set()
        rollups = tuple(self._rollup(key) for key in keys)
        for key in keys:
            if self._windows[key].late:
                del self._windows[key]
        return rollups

    def forget(self, before_at: float) -> None:
        """Closes the windows that ended before, except those that `changed` has yet to emit."""
        self._closed_before = max(self._closed_before, before_at)
        for key in [key for key in self._windows if key[0] + self._window_s <= before_at]:
            if key not in self._touched:
                del self._windows[key]

    def _open(self, start_at: float) -> _Window:
        if start_at + self._window_s > self._closed_before:
            return _Window(self._source)
        self._late += 1
        return _Window(f"{self._source}~{self._late}", late=True)

    def _rollup(self, key: _Key) -> Rollup:
        window = self._windows[key]
        return Rollup(
            channel=key[1],
            window_start=key[0],
            source=window.source,
            window_s=self._window_s,
            attempts=window.outcomes.total(),
            successes=window.outcomes[Outcome.SUCCESS],
            throttles=window.outcomes[Outcome.THROTTLED],
            ignored=window.outcomes[Outcome.IGNORED],
            failures=dict(sorted(window.failures.items())),
            latency=summary(window.latencies, window.slowdowns[0], window.known[0]),
            first_chunk=summary(window.first_chunks, window.slowdowns[1], window.known[1]),
            usage=window.usage.buckets,
            cost_usd=window.cost_usd,
            unpriced_attempts=window.unpriced,
            segment=key[2],
        )


def fold(
    attempts: Iterable[Attempt], *, window_s: float, source: str, segments: Segments | None = None
) -> tuple[Rollup, ...]:
    """All rollups of a batch at once."""
    folder = Folder(window_s=window_s, source=source, segments=segments)
    folder.add(attempts)
    return folder.changed()


def merge_rollups(rollups: Sequence[Rollup]) -> Rollup:
    """One rollup of several of the same channel: other sources of a window, or neighbouring windows.

    It starts with the first and is as long as the windows reach. Raises ValueError on none or several channels,
    or segments of one.
    """
    if len({(rollup.channel, rollup.segment) for rollup in rollups}) != 1:
        raise ValueError("only rollups of one channel can be merged")
    if len(rollups) == 1:
        return rollups[0]
    start = min(rollup.window_start for rollup in rollups)
    end = max(rollup.window_start + rollup.window_s for rollup in rollups)
    failures: Counter[FailureClass] = Counter()
    for rollup in rollups:
        failures.update(rollup.failures)
    return Rollup(
        channel=rollups[0].channel,
        window_start=start,
        source="+".join(sorted({rollup.source for rollup in rollups})),
        window_s=end - start,
        attempts=sum(rollup.attempts for rollup in rollups),
        successes=sum(rollup.successes for rollup in rollups),
        throttles=sum(rollup.throttles for rollup in rollups),
        ignored=sum(rollup.ignored for rollup in rollups),
        failures=dict(sorted(failures.items())),
        latency=_merged([rollup.latency for rollup in rollups]),
        first_chunk=_merged([rollup.first_chunk for rollup in rollups]),
        usage=sum((rollup.usage for rollup in rollups), NO_USAGE),
        cost_usd=sum((rollup.cost_usd for rollup in rollups), Decimal(0)),
        unpriced_attempts=sum(rollup.unpriced_attempts for rollup in rollups),
        segment=rollups[0].segment,
        metrics=_told(rollups),
    )


def _told(rollups: Sequence[Rollup]) -> tuple[str, ...]:
    """The metrics that a merged rollup tells: all, as soon as one of its parts does."""
    if not all(rollup.metrics for rollup in rollups):
        return ()
    return tuple(sorted({name for rollup in rollups for name in rollup.metrics}))


def summary(values: Sequence[float], slowdown_total: float = 0.0, slowdown_count: int = 0) -> LatencySummary:
    """Of latencies in any order; the slowdowns are as in `LatencySummary`."""
    if not values:
        return NO_LATENCY
    ordered = sorted(values)
    p50, p95, p99 = (quantile(ordered, rank) for rank in _RANKS)
    return LatencySummary(
        count=len(ordered),
        total_s=math.fsum(ordered),
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
        sketch=sketch.encode(ordered),
        slowdown_total=slowdown_total,
        slowdown_count=slowdown_count,
    )


def quantile(ordered: Sequence[float], rank: float) -> float:
    """Linear interpolation between order statistics (Hyndman & Fan 1996, type 7)."""
    position = rank * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def _merged(summaries: Sequence[LatencySummary]) -> LatencySummary:
    known = [one for one in summaries if one.count]
    if len(known) <= 1:
        return known[0] if known else NO_LATENCY
    sketched = [one for one in known if one.sketch]
    merged = sketch.merge(one.sketch for one in sketched)
    p50, p95, p99 = sketch.quantiles(merged, _RANKS)
    whole = LatencySummary(
        count=sum(one.count for one in sketched),
        total_s=math.fsum(one.total_s for one in sketched),
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
        sketch=merged,
        slowdown_total=math.fsum(one.slowdown_total for one in sketched),
        slowdown_count=sum(one.slowdown_count for one in sketched),
    )
    bare = [one for one in known if not one.sketch]
    return whole if not bare else _mean([whole, *bare])


def _mean(summaries: Sequence[LatencySummary]) -> LatencySummary:
    """The best that can be said where some percentiles came without a sketch; without one itself, to show it."""

    def mean(values: Iterable[tuple[int, float | None]]) -> float | None:
        known = [(count, value) for count, value in values if value is not None]
        total = sum(count for count, _ in known)
        return math.fsum(count * value for count, value in known) / total if total else None

    return LatencySummary(
        count=sum(one.count for one in summaries),
        total_s=math.fsum(one.total_s for one in summaries),
        p50_s=mean((one.count, one.p50_s) for one in summaries),
        p95_s=mean((one.count, one.p95_s) for one in summaries),
        p99_s=mean((one.count, one.p99_s) for one in summaries),
        slowdown_total=math.fsum(one.slowdown_total for one in summaries),
        slowdown_count=sum(one.slowdown_count for one in summaries),
    )
