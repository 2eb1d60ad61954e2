"""How rollups in InfluxDB become coarser: the coarser is written first, then the finer is deleted.

There are no transactions. A run that is killed in between leaves minutes that are members of an hour already: reads
leave them out, and the next step deletes them, since what is a member is never added again.
"""

from asyncio import to_thread
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup, Tiers
from foreroute.store.influx_tables import Found, Range, Tables, Who, span_ranges, whose
from foreroute.store.spans import CHUNK_S, DAY_S, HOUR_S, Merge, Span, aligned, floor_to, joined, span_of

_OWNERS: Final = 8
"""Of so many channels a step takes up one piece each."""
_Place = tuple[ChannelId, str, float]
"""(channel, segment, start of the hour or day)"""


async def step(tables: Tables, tiers: Tiers, merge: Merge) -> int:
    """A piece of the first thing that is due; returns how many rollups it took up. 0: nothing is due."""
    tiers = aligned(tiers)
    return await _to_hours(tables, tiers.hours_at, merge) or await _to_days(tables, tiers.days_at, merge)


async def absorb(tables: Tables, late: Sequence[Rollup], merge: Merge) -> list[Rollup]:
    """Adds rollups to the hours and days that hold their time; returns those that none does."""
    owners = sorted({(one.channel, one.segment) for one in late})
    spans = span_ranges(late)
    found = await tables.find(Range(0.0, 0.0), whose(owners), spans=spans)
    changed, rest = await to_thread(_absorbed, late, found, merge)
    await _put(tables, changed)
    return rest


async def _to_hours(tables: Tables, before_at: float, merge: Merge) -> int:
    oldest_at = await tables.oldest_at(tables.minutes, before_at)
    if oldest_at is None:
        return 0
    start_at = floor_to(oldest_at, CHUNK_S)
    piece = Range(start_at, start_at + CHUNK_S)
    owners = await tables.owners(tables.minutes, piece, _OWNERS)
    spans = Range(floor_to(start_at, DAY_S), piece.end_at)
    found = await tables.find(piece, whose(owners), spans=spans)

    def work() -> list[Span]:
        changed, rest = _absorbed(found.minutes, found, merge)
        hours = _by_place(rest, HOUR_S)
        return [
            *changed,
            *(
                span_of(some, merge, start_at=at, window_s=HOUR_S)
                for (_, _, at), some in sorted(hours.items())
            ),
        ]

    await _put(tables, await to_thread(work))
    await tables.forget(tables.minutes, piece, owners)
    return len(found.minutes)


async def _to_days(tables: Tables, before_at: float, merge: Merge) -> int:
    oldest_at = await tables.oldest_at(tables.hours, before_at)
    if oldest_at is None:
        return 0
    start_at = floor_to(oldest_at, DAY_S)
    piece = Range(start_at, start_at + DAY_S)
    owners = await tables.owners(tables.hours, piece, _OWNERS)
    found = await tables.find(Range(0.0, 0.0), whose(owners), spans=piece)
    await _put(tables, await to_thread(_joined, found, start_at, merge))
    await tables.forget(tables.hours, piece, owners)
    return len(found.hours)


def _absorbed(rollups: Sequence[Rollup], found: Found, merge: Merge) -> tuple[list[Span], list[Rollup]]:
    """The hours and days that these change, and those that belong into none. A day comes before its hours."""
    days, hours = _placed(found.days), _placed(found.hours)
    changed: list[Span] = []
    rest: list[Rollup] = []
    for place, some in _by_place(rollups, HOUR_S).items():
        day = (*place[:2], floor_to(place[2], DAY_S))
        spans, key = (days, day) if day in days else (hours, place)
        if (old := spans.get(key)) is None:
            rest += some
            continue
        window_s = old.rollup.window_s
        new = span_of(some, merge, start_at=key[2], window_s=window_s, old=old)
        spans[key] = new
        if new is not old:
            changed.append(new)
    newest = {(_place(one), one.rollup.window_s): one for one in changed}
    return list(newest.values()), rest


def _joined(found: Found, day_at: float, merge: Merge) -> list[Span]:
    """The days that the hours make, with what is known of them. An hour that is in its day already is left out."""
    days = {_place(span)[:2]: span for span in found.days}
    parts: dict[Who, list[Span]] = {}
    for span in sorted(found.hours, key=lambda one: one.rollup.window_start):
        who = _place(span)[:2]
        if who not in days or not span.members <= days[who].members:
            parts.setdefault(who, []).append(span)
    return [
        joined([days[who], *hours] if who in days else hours, merge, start_at=day_at, window_s=DAY_S)
        for who, hours in parts.items()
    ]


async def _put(tables: Tables, spans: Sequence[Span]) -> None:
    for name, length_s in ((tables.hours, HOUR_S), (tables.days, DAY_S)):
        await tables.put(name, [one for one in spans if one.rollup.window_s == length_s])


def _by_place(rollups: Iterable[Rollup], length_s: float) -> Mapping[_Place, list[Rollup]]:
    """In order of time and source, so that what is merged does not depend on the order of an answer."""
    order: Callable[[Rollup], tuple[float, str]] = lambda one: (one.window_start, one.source)  # noqa: E731 - typed
    places: dict[_Place, list[Rollup]] = {}
    for one in sorted(rollups, key=order):
        key = (one.channel, one.segment, floor_to(one.window_start, length_s))
        places.setdefault(key, []).append(one)
    return places


def _placed(spans: Iterable[Span]) -> dict[_Place, Span]:
    return {_place(span): span for span in spans}


def _place(span: Span) -> _Place:
    return span.rollup.channel, span.rollup.segment, span.rollup.window_start
