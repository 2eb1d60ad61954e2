"""Rollups in SQLite: the newest minutes as rows by time, older ones packed by channel, then hours and days.

A tick appends at the end of one table, whatever the number of channels; a question about one channel's week reads its
packed hours, one row each, and steps over the minutes that are not packed yet.
"""

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import islice
from operator import le
from typing import Any, Final

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup, Tiers
from foreroute.core.series import Metric, Samples, value_of
from foreroute.store import rows
from foreroute.store.columns import Numbers, unpack
from foreroute.store.memory_rollups import merged
from foreroute.store.spans import CHUNK_S, DAY_S, HOUR_S, Merge
from foreroute.store.sqlite_extents import Extent, extents
from foreroute.store.sqlite_thin import absorb, newest_span_end, prune_chunks, prune_spans, step
from foreroute.store.sqlite_worker import Worker, delete, insert

PUT: Final = insert("REPLACE", "rollups", rows.ROLLUP_COLUMNS)
_ROW: Final = rows.ROLLUP_COLUMNS
_Key = tuple[float, ChannelId]


class SqliteRollups:
    def __init__(self, writer: Worker, reader: Worker, merge: Merge) -> None:
        self._writer, self._reader, self._merge = writer, reader, merge

    def putting(self, rollups: Sequence[Rollup]) -> Callable[[sqlite3.Connection], None]:
        """The work of an append, to be done inside a transaction."""
        made = [(rollup, rows.rollup_row(rollup)) for rollup in rollups]

        def work(db: sqlite3.Connection) -> None:
            end_at = newest_span_end(db)
            late = [rollup for rollup, _ in made if rollup.window_start < end_at]
            rest = absorb(db, late, self._merge)
            fresh = [row for rollup, row in made if rollup.window_start >= end_at]
            db.executemany(PUT, [*fresh, *map(rows.rollup_row, rest)])

        return work

    async def append(self, rollups: Sequence[Rollup]) -> None:
        if rollups:
            await self._writer.run(self.putting(rollups))

    async def read(
        self,
        *,
        start_at: float,
        end_at: float,
        channels: Sequence[ChannelId] | None = None,
        segment: str = "",
    ) -> list[Rollup]:
        def work(db: sqlite3.Connection) -> list[Rollup]:
            found: dict[_Key, dict[str, Rollup]] = {}
            for rollup in _rollups(db, start_at, end_at, channels, segment):
                found.setdefault((rollup.window_start, rollup.channel), {})[rollup.source] = rollup
            return [merged(found[key].values(), self._merge) for key in sorted(found)]

        return await self._reader.run(work)

    async def series(
        self, channel: ChannelId, metric: Metric, *, start_at: float, end_at: float, segment: str = ""
    ) -> Samples:
        def work(db: sqlite3.Connection) -> Samples:
            points = _Points()
            who = (channel, segment)
            _add_spans(db, who, metric, start_at, end_at, points)
            _add_minutes(db, who, metric, start_at, end_at, points, self._merge)
            points.put_in_order()
            return Samples(
                channel=channel,
                metric=metric,
                starts_at=points.starts_at,
                windows_s=points.windows_s,
                values=points.values,
            )

        return await self._reader.run(work)

    async def extents(self) -> list[Extent]:
        """What is kept of whom, by channel, segment and length of window. Of packed ones the first and last are read."""
        return await self._reader.run(extents)

    async def prune(self, before_at: float) -> int:
        gone = await delete(
            self._writer, "rollups", "window_start, channel, segment, source", "window_start", before_at
        )
        while some := await self._writer.run(lambda db: prune_chunks(db, before_at)):
            gone += some
        while some := await self._writer.run(lambda db: prune_spans(db, before_at)):
            gone += some
        return gone

    async def thin(self, tiers: Tiers) -> int:
        done = await self._writer.run(lambda db: step(db, tiers, self._merge))
        return done or await self.prune(tiers.gone_at)


class _Points:
    """Windows by column: ten thousand of them are a week."""

    def __init__(self) -> None:
        self.starts_at, self.windows_s, self.values = array("d"), array("d"), array("d")

    def add(self, starts_at: Sequence[float], windows_s: Sequence[float], values: Sequence[float]) -> None:
        self.starts_at.extend(starts_at)
        self.windows_s.extend(windows_s)
        self.values.extend(values)

    def put_in_order(self) -> None:
        starts = self.starts_at
        if all(map(le, starts, islice(starts, 1, None))):
            return
        order = sorted(range(len(starts)), key=starts.__getitem__)
        self.starts_at, self.windows_s, self.values = (
            array("d", map(column.__getitem__, order)) for column in (starts, self.windows_s, self.values)
        )


def _rollups(
    db: sqlite3.Connection,
    start_at: float,
    end_at: float,
    channels: Sequence[ChannelId] | None,
    segment: str,
) -> list[Rollup]:
    """All kinds, packed ones first: where the same one is a row too, the row is newer."""
    which, names = "", list[ChannelId]()
    if channels is not None:
        which, names = f" AND channel IN ({','.join('?' * len(channels))})", list(channels)
    chunks = (
        "SELECT channel, chunk_at, numbers, sketches FROM rollup_chunks "  # noqa: S608
        f"WHERE chunk_at > ? AND chunk_at < ? AND segment = ?{which}"
    )
    found = [
        rollup
        for name, chunk_at, numbers, sketches in db.execute(
            chunks, (start_at - CHUNK_S, end_at, segment, *names)
        )
        for rollup in unpack(numbers, sketches, channel=name, segment=segment, origin_at=chunk_at)
        if start_at <= rollup.window_start < end_at
    ]
    # With their lengths, spans of many channels are found by the index of their time.
    for table, also in (("rollups", ""), ("rollup_spans", f" AND window_s IN ({HOUR_S}, {DAY_S})")):
        query = (
            f"SELECT {_ROW} FROM {table} "  # noqa: S608
            f"WHERE window_start >= ? AND window_start < ? AND segment = ?{also}{which}"
        )
        found += map(rows.rollup_of, db.execute(query, (start_at, end_at, segment, *names)))
    return found


def _add_minutes(
    db: sqlite3.Connection,
    who: tuple[str, str],
    metric: Metric,
    start_at: float,
    end_at: float,
    points: _Points,
    merge: Merge,
) -> None:
    """Minutes, packed or not. Whole rollups are looked at only of windows that have several sources."""
    fresh: dict[float, list[Rollup]] = {}
    for rollup in _unpacked(db, who, start_at, end_at):
        fresh.setdefault(rollup.window_start, []).append(rollup)
    query = (
        "SELECT chunk_at, numbers FROM rollup_chunks "
        "WHERE channel = ? AND segment = ? AND chunk_at > ? AND chunk_at < ? ORDER BY chunk_at"
    )
    for chunk_at, packed in db.execute(query, (*who, start_at - CHUNK_S, end_at)).fetchall():
        numbers = Numbers(packed, chunk_at)
        starts = numbers.starts_at()
        if len(set(starts)) < len(starts) or not fresh.keys().isdisjoint(starts):
            _add_packed(fresh, _sketched(db, who, chunk_at, packed))
            continue
        some = slice(bisect_left(starts, start_at), bisect_left(starts, end_at))
        points.add(starts[some], numbers.windows_s()[some], numbers.values(metric)[some])
    for at in sorted(at for at in fresh if start_at <= at < end_at):
        one = merged(fresh[at], merge)
        points.add((at,), (one.window_s,), (value_of(one, metric),))


def _add_packed(fresh: dict[float, list[Rollup]], packed: Sequence[Rollup]) -> None:
    newer = {(at, rollup.source) for at, known in fresh.items() for rollup in known}
    for rollup in packed:
        if (rollup.window_start, rollup.source) not in newer:
            fresh.setdefault(rollup.window_start, []).append(rollup)


def _sketched(db: sqlite3.Connection, who: tuple[str, str], chunk_at: float, numbers: bytes) -> list[Rollup]:
    query = "SELECT sketches FROM rollup_chunks WHERE channel = ? AND segment = ? AND chunk_at = ?"
    (sketches,) = db.execute(query, (*who, chunk_at)).fetchone()
    return unpack(numbers, sketches, channel=ChannelId(who[0]), segment=who[1], origin_at=chunk_at)


# The rows are in the order of time, a thousand channels to a minute: one channel's are found by asking for the next
# minute that there is, and for its row in that, rather than by reading all.
_STEPS: Final = f"""
    WITH RECURSIVE windows(at) AS (
      SELECT min(window_start) FROM rollups WHERE window_start >= :start AND window_start < :end
      UNION ALL
      SELECT (SELECT min(window_start) FROM rollups WHERE window_start > windows.at AND window_start < :end)
      FROM windows WHERE windows.at IS NOT NULL
    )
    SELECT {", ".join("rollups." + name.strip() for name in _ROW.split(","))}
    FROM windows CROSS JOIN rollups
      ON rollups.window_start = windows.at AND rollups.channel = :channel AND rollups.segment = :segment"""  # noqa: S608


def _unpacked(db: sqlite3.Connection, who: tuple[str, str], start_at: float, end_at: float) -> list[Rollup]:
    wanted: dict[str, Any] = {"start": start_at, "end": end_at, "channel": who[0], "segment": who[1]}
    return [rows.rollup_of(row) for row in db.execute(_STEPS, wanted)]


def _add_spans(
    db: sqlite3.Connection,
    who: tuple[str, str],
    metric: Metric,
    start_at: float,
    end_at: float,
    points: _Points,
) -> None:
    query = (
        f"SELECT {_ROW} FROM rollup_spans "  # noqa: S608
        "WHERE channel = ? AND segment = ? AND window_start >= ? AND window_start < ? ORDER BY window_start"
    )
    for span in map(rows.rollup_of, db.execute(query, (*who, start_at, end_at))):
        points.add((span.window_start,), (span.window_s,), (value_of(span, metric),))
