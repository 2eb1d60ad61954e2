"""Rollups in InfluxDB, with those that are still on their way to it: what a `Store` must do with them."""

from array import array
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from foreroute.core.ids import ChannelId
from foreroute.core.ports import KeptRollups
from foreroute.core.rollup import Rollup, Tiers
from foreroute.core.series import Metric, Samples, value_of
from foreroute.store.influx_outbox import Outbox
from foreroute.store.influx_shipper import Shipper
from foreroute.store.influx_tables import Found, Range, Tables, of_segment
from foreroute.store.influx_thin import absorb, step
from foreroute.store.memory_rollups import merged
from foreroute.store.spans import DAY_S, HOUR_S, Merge, Span, floor_to, span_of

_Key = tuple[float, ChannelId]


class InfluxRollups(KeptRollups):
    """Appends are on disk when they are answered, and at the server as soon as it takes them; reads see both.

    Reads, `prune` and `thin` need the server. While it is known to be away, reads raise StoreUnavailable at once and
    `thin` does nothing: nobody waits for it.
    """

    def __init__(self, tables: Tables, outbox: Outbox, merge: Merge) -> None:
        self._tables, self._outbox, self._merge = tables, outbox, merge
        self.shipper: Shipper | None = None
        """Set before anything else is done."""
        self.may_forget: Callable[[], Coroutine[Any, Any, bool]] = _always
        """Whether this server deletes rollups at all, and only those that are asked for. Raises InfluxError."""

    async def append(self, rollups: Sequence[Rollup]) -> None:
        if rollups:
            await self._outbox.put(rollups)
            await self._ship().told()

    async def send(self, rollups: Sequence[Rollup]) -> None:
        """To the server, where late ones become part of the hours and days that hold their time. Raises InfluxError."""
        end_at = await self._tables.spans_end()
        late = [rollup for rollup in rollups if rollup.window_start < end_at]
        fresh = [rollup for rollup in rollups if rollup.window_start >= end_at]
        if late:
            fresh += await absorb(self._tables, late, self._merge)
        await self._tables.put(self._tables.minutes, [Span(rollup) for rollup in fresh])

    async def read(
        self,
        *,
        start_at: float,
        end_at: float,
        channels: Sequence[ChannelId] | None = None,
        segment: str = "",
    ) -> list[Rollup]:
        seen = await self._seen(Range(start_at, end_at), channels, segment)
        return [merged(seen[key].values(), self._merge) for key in sorted(seen)]

    async def series(
        self, channel: ChannelId, metric: Metric, *, start_at: float, end_at: float, segment: str = ""
    ) -> Samples:
        """Without the sketches, unless there is something to merge."""
        within = Range(start_at, end_at)
        seen = await self._seen(within, [channel], segment, numbers_only=True)
        if any(len(sources) > 1 for sources in seen.values()):
            seen = await self._seen(within, [channel], segment)
        found = [merged(seen[key].values(), self._merge) for key in sorted(seen)]
        return Samples(
            channel=channel,
            metric=metric,
            starts_at=array("d", [one.window_start for one in found]),
            windows_s=array("d", [one.window_s for one in found]),
            values=array("d", [value_of(one, metric) for one in found]),
        )

    async def prune(self, before_at: float) -> int:
        """Of what waits, too. What waits and is at the server in an older version counts twice."""
        await self._ship().flush()
        if not await self._ship().asked(self.may_forget()):
            return 0
        async with self._ship().turn:
            return await self._prune(before_at)

    async def thin(self, tiers: Tiers) -> int:
        """Only by the process that ships, and after all that waits is shipped."""
        shipper = self._ship()
        if not await shipper.flush() or not await shipper.asked(self.may_forget()):
            return 0
        async with shipper.turn:
            return await step(self._tables, tiers, self._merge) or await self._prune(tiers.gone_at)

    async def _prune(self, before_at: float) -> int:
        gone, tables = 0, self._tables
        for name in (tables.minutes, tables.hours, tables.days):
            if some := await tables.count_before(name, before_at):
                await tables.forget_before(name, before_at)
                gone += some
        return gone + await self._outbox.prune(before_at)

    async def _seen(
        self,
        within: Range,
        channels: Sequence[ChannelId] | None,
        segment: str,
        *,
        numbers_only: bool = False,
    ) -> dict[_Key, dict[str, Rollup]]:
        if within.start_at >= within.end_at or (channels is not None and not channels):
            return {}
        # What waits is looked at first: what is shipped meanwhile is then seen twice, not never.
        waiting = await self._outbox.between(within.start_at, within.end_at + DAY_S, channels, segment)
        spans = Range(within.start_at - DAY_S, within.end_at)
        found = await self._ship().asked(
            self._tables.find(
                within, of_segment(segment, channels), spans=spans, numbers_only=numbers_only and not waiting
            )
        )
        sight = _Sight(self._merge)
        sight.take(found)
        for rollup in waiting:
            sight.add(rollup)
        wanted = None if channels is None else frozenset(channels)
        return {
            key: sources
            for key, sources in sight.windows().items()
            if within.start_at <= key[0] < within.end_at and (wanted is None or key[1] in wanted)
        }

    def _ship(self) -> Shipper:
        assert self.shipper is not None  # noqa: S101 - set by whoever makes this
        return self.shipper


@dataclass(slots=True)
class _Sight:
    """Minutes, hours and days of one segment put together: each minute in one place, whatever was found twice."""

    merge: Merge
    minutes: dict[_Key, dict[str, Rollup]] = field(default_factory=dict)
    hours: dict[_Key, Span] = field(default_factory=dict)
    days: dict[_Key, Span] = field(default_factory=dict)

    def take(self, found: Found) -> None:
        self.days = {_key(span.rollup): span for span in found.days}
        for span in found.hours:
            at, channel = _key(span.rollup)
            day = self.days.get((floor_to(at, DAY_S), channel))
            if day is None or not span.members <= day.members:
                self.hours[at, channel] = span
        for rollup in found.minutes:
            holder = self._holder(rollup)
            if holder is None or (rollup.window_start, rollup.source) not in holder[1].members:
                self.minutes.setdefault(_key(rollup), {})[rollup.source] = rollup

    def add(self, rollup: Rollup) -> None:
        """One that comes after what was found."""
        if (holder := self._holder(rollup)) is None:
            self.minutes.setdefault(_key(rollup), {})[rollup.source] = rollup
            return
        spans, old = holder
        key = _key(old.rollup)
        spans[key] = span_of([rollup], self.merge, start_at=key[0], window_s=old.rollup.window_s, old=old)

    def windows(self) -> dict[_Key, dict[str, Rollup]]:
        found = dict(self.minutes)
        for spans in (self.hours, self.days):
            found |= {key: {span.rollup.source: span.rollup} for key, span in spans.items()}
        return found

    def _holder(self, rollup: Rollup) -> tuple[dict[_Key, Span], Span] | None:
        """The day or the hour that holds its time."""
        at, channel = _key(rollup)
        for spans, length_s in ((self.days, DAY_S), (self.hours, HOUR_S)):
            if (span := spans.get((floor_to(at, length_s), channel))) is not None:
                return spans, span
        return None


async def _always() -> bool:
    return True


def _key(rollup: Rollup) -> _Key:
    return rollup.window_start, rollup.channel
