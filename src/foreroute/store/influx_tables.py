"""Where rollups are in InfluxDB, and the questions about them: minutes, hours and days have a measurement each.

The minutes, hours and days of an answer are asked for in this order in one request. What becomes coarser is written
before the finer is deleted, so whatever a killed run or a race leaves twice is seen twice here, and told apart by what
a span says of its members.
"""

from asyncio import to_thread
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.store.influx_http import InfluxServer
from foreroute.store.influx_wire import (
    NUMBERS,
    TAGS,
    lines_of,
    ns_after,
    ns_of,
    quoted,
    segment_name,
    spans_of,
    whose_tags,
)
from foreroute.store.spans import DAY_S, HOUR_S, Span, floor_to

Who = tuple[ChannelId, str]
"""(channel, segment)"""
_NAMED_MAX: Final = 200
"""More channels than this are not named in a question: it would be longer than the answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a question found, of whichever channels and segments."""

    minutes: Sequence[Rollup]
    hours: Sequence[Span]
    days: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Range:
    start_at: float
    end_at: float


class Tables:
    """Three measurements whose names begin alike. Raises InfluxError."""

    def __init__(self, server: InfluxServer, prefix: str) -> None:
        self._server = server
        self.minutes, self.hours, self.days = (f"{prefix}_{name}" for name in ("minutes", "hours", "days"))
        self._spans_end: float | None = None

    async def find(
        self, within: Range, whose: str = "", *, spans: Range | None = None, numbers_only: bool = False
    ) -> Found:
        """Minutes within a range, hours and days within another one if that is given, in any order."""
        fields = f'{NUMBERS},"members"' if numbers_only else "*"
        questions = [
            f'SELECT {fields} FROM "{name}" WHERE {_times(part)}{whose} GROUP BY {TAGS}'  # noqa: S608 - tags are quoted
            for name, part in (
                (self.minutes, within),
                (self.hours, spans or within),
                (self.days, spans or within),
            )
        ]
        answers = await self._server.query(*questions)
        minutes, hours, days = await to_thread(lambda: [spans_of(answer) for answer in answers])
        return Found([one.rollup for one in minutes], hours, days)

    async def put(self, measurement: str, spans: Sequence[Span]) -> None:
        if spans:
            await self._server.write(await to_thread(lines_of, measurement, spans))
            if measurement != self.minutes:
                end_at = max(one.rollup.window_start + one.rollup.window_s for one in spans)
                self._spans_end = max(await self.spans_end(), end_at)

    async def forget(self, measurement: str, within: Range, owners: Sequence[Who]) -> None:
        """One statement for each: 2.x deletes by tags that all apply, not by one or another."""
        statements = [
            f'DELETE FROM "{measurement}" WHERE {_times(within)}{whose([who])}'  # noqa: S608 - quoted
            for who in owners
        ]
        if statements:
            await self._server.query(*statements)

    async def count_before(self, measurement: str, before_at: float) -> int:
        answers = await self._server.query(
            *(
                f'SELECT count("attempts") FROM "{measurement}" WHERE {condition}'  # noqa: S608
                for condition in _before(before_at)
            )
        )
        return sum(row[1] for found in answers for one in found for row in one["values"])

    async def forget_before(self, measurement: str, before_at: float) -> None:
        await self._server.query(
            *(f'DELETE FROM "{measurement}" WHERE {condition}' for condition in _before(before_at))  # noqa: S608
        )

    async def oldest_at(self, measurement: str, before_at: float) -> float | None:
        """When the oldest window that began before began, to the nanosecond below."""
        (found,) = await self._server.query(
            f'SELECT first("attempts") FROM "{measurement}" WHERE time < {ns_of(before_at)}'  # noqa: S608
        )
        return found[0]["values"][0][0] / 10**9 if found else None

    async def owners(self, measurement: str, within: Range, limit: int) -> list[Who]:
        """Some of those who have anything within the range."""
        (found,) = await self._server.query(
            f'SELECT first("attempts") FROM "{measurement}" WHERE {_times(within)} '  # noqa: S608
            'GROUP BY "channel","segment"'
        )
        return [whose_tags(one["tags"]) for one in found[:limit]]

    async def spans_end(self) -> float:
        """Where the newest hour or day ends. What begins later belongs into none. Asked for once."""
        if self._spans_end is None:
            answers = await self._server.query(
                *(f'SELECT last("window_s") FROM "{name}"' for name in (self.hours, self.days))  # noqa: S608
            )
            ends = [
                at / 10**9 + window_s for found in answers for one in found for at, window_s in one["values"]
            ]
            self._spans_end = max(ends, default=-float("inf"))
        return self._spans_end


def whose(owners: Sequence[Who]) -> str:
    """The condition that a point is of one of them."""
    some = (
        f'("channel"={quoted(channel)} AND "segment"={segment_name(segment)})' for channel, segment in owners
    )
    return f" AND ({' OR '.join(some)})"


def of_segment(segment: str, channels: Sequence[ChannelId] | None) -> str:
    """The condition that a point is of a segment, and of one of these channels unless they are too many to name."""
    condition = f' AND "segment"={segment_name(segment)}'
    if channels is not None and len(channels) <= _NAMED_MAX:
        condition += f" AND ({' OR '.join(f'{chr(34)}channel{chr(34)}={quoted(one)}' for one in channels)})"
    return condition


def span_ranges(rollups: Iterable[Rollup]) -> Range:
    """Where the hours and days begin that could hold these."""
    starts = [rollup.window_start for rollup in rollups]
    return Range(floor_to(min(starts), DAY_S), floor_to(max(starts), HOUR_S) + HOUR_S)


def _times(within: Range) -> str:
    """May hold the window that begins less than a nanosecond after the end."""
    return f"time >= {ns_of(within.start_at)} AND time < {ns_after(within.end_at)}"


def _before(at: float) -> list[str]:
    """The conditions of which one holds for each window that began before."""
    ns = ns_of(at)
    conditions = [f"time < {ns}"]
    if ns < ns_after(at):
        conditions.append(f"time = {ns} AND \"at\" = ''")
    return conditions
