"""Minutes that became hours, and hours that became days: what each holds, and what may still come to it. Pure.

A span remembers its members, the (window, source) of every rollup in it. So a minute that is offered again changes
nothing, and a late one adds to it, however long ago the rest was merged.
"""

import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from foreroute.core.rollup import Rollup, Tiers

Merge = Callable[[Sequence[Rollup]], Rollup]
"""Makes one rollup of several of the same channel, or of windows of it."""
Member = tuple[float, str]
"""(window_start, source)"""

HOUR_S: Final = 3600.0
DAY_S: Final = 86400.0
CHUNK_S: Final = 4 * HOUR_S
"""So much of a channel is packed in one piece. A multiple of an hour that divides a day."""
MERGED: Final = "merged"
"""The source of every span: it is made by the store, of rollups from any number of sources."""


@dataclass(frozen=True, slots=True)
class Span:
    rollup: Rollup
    members: frozenset[Member] = field(default_factory=frozenset)


def floor_to(at: float, step_s: float) -> float:
    return at // step_s * step_s


def aligned(tiers: Tiers) -> Tiers:
    """The same, where whole pieces end: no piece is packed, merged or joined before all of it is old enough."""
    return Tiers(
        pack_at=floor_to(tiers.pack_at, CHUNK_S),
        hours_at=floor_to(tiers.hours_at, CHUNK_S),
        days_at=floor_to(tiers.days_at, DAY_S),
        gone_at=tiers.gone_at,
    )


def span_of(
    rollups: Sequence[Rollup], merge: Merge, *, start_at: float, window_s: float, old: Span | None = None
) -> Span:
    """The span with these rollups in it, those that are in it already aside. At least one of both is needed."""
    known = frozenset() if old is None else old.members
    fresh: dict[Member, Rollup] = {}
    for rollup in rollups:
        if (member := (rollup.window_start, rollup.source)) not in known:
            fresh.setdefault(member, rollup)
    if not fresh and old is not None:
        return old
    parts = [*fresh.values()] if old is None else [old.rollup, *fresh.values()]
    return Span(_as_span(merge(parts), start_at, window_s), known | fresh.keys())


def joined(spans: Sequence[Span], merge: Merge, *, start_at: float, window_s: float) -> Span:
    """One longer span of shorter ones."""
    members = frozenset[Member]().union(*(span.members for span in spans))
    return Span(_as_span(merge([span.rollup for span in spans]), start_at, window_s), members)


def _as_span(rollup: Rollup, start_at: float, window_s: float) -> Rollup:
    """As long as its hour or day, also where only some of its minutes are known."""
    return replace(rollup, window_start=start_at, window_s=window_s, source=MERGED)


def write_members(members: Iterable[Member]) -> bytes:
    """Deflated JSON: of each source its windows as [first, step, how many]."""
    by_source: dict[str, list[float]] = {}
    for at, source in sorted(members):
        by_source.setdefault(source, []).append(at)
    return zlib.compress(orjson.dumps([[name, _runs(starts)] for name, starts in by_source.items()]), 9)


def read_members(packed: bytes) -> frozenset[Member]:
    return frozenset(
        (first + step * number, source)
        for source, runs in orjson.loads(zlib.decompress(packed))
        for first, step, count in runs
        for number in range(count)
    )


def _runs(starts: Sequence[float]) -> list[list[float]]:
    """Exact: only what `first + step * n` gives back to the last bit is a run."""
    runs: list[list[float]] = []
    for at in starts:
        if runs:
            first, step, count = runs[-1]
            wanted = at - first if count == 1 else step
            if math.isfinite(wanted) and first + wanted * count == at:
                runs[-1] = [first, wanted, int(count) + 1]
                continue
        runs.append([at, 0.0, 1])
    return runs
