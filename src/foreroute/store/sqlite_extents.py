"""What is kept of whom, from when to when, and how finely."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.store.columns import Numbers


@dataclass(frozen=True, slots=True)
class Extent:
    """Windows of one length: how many of how many sources, and from when to when."""

    channel: ChannelId
    segment: str
    window_s: float
    rollups: int
    start_at: float
    end_at: float

    @property
    def key(self) -> tuple[str, str, float]:
        return self.channel, self.segment, self.window_s


_EXTENTS: Final = "UNION ALL".join(
    f"""
    SELECT channel, segment, window_s, count(*), min(window_start), max(window_start + window_s)
    FROM {table} GROUP BY channel, segment, window_s """  # noqa: S608
    for table in ("rollups", "rollup_spans")
)
_CHUNK_EXTENTS: Final = """
    SELECT channel, segment, sum(rollups), min(chunk_at), max(chunk_at)
    FROM rollup_chunks WHERE rollups > 0 GROUP BY channel, segment"""


def _together(extents: Sequence[Extent]) -> Extent:
    return replace(
        extents[0],
        rollups=sum(one.rollups for one in extents),
        start_at=min(one.start_at for one in extents),
        end_at=max(one.end_at for one in extents),
    )


def _numbers_of(db: sqlite3.Connection, who: tuple[str, str], chunk_at: float) -> Numbers:
    query = "SELECT numbers FROM rollup_chunks WHERE channel = ? AND segment = ? AND chunk_at = ?"
    (packed,) = db.execute(query, (*who, chunk_at)).fetchone()
    return Numbers(packed, chunk_at)


def extents(db: sqlite3.Connection) -> list[Extent]:
    """By channel, segment and length of window. Of packed windows the first and the last pack are read."""
    found = [Extent(*row) for row in db.execute(_EXTENTS)]
    for channel, segment, count, first_at, last_at in db.execute(_CHUNK_EXTENTS).fetchall():
        who = (channel, segment)
        first, last = (_numbers_of(db, who, at) for at in (first_at, last_at))
        end_at = last.starts_at()[-1] + last.windows_s()[-1]
        found.append(Extent(channel, segment, first.windows_s()[0], count, first.starts_at()[0], end_at))
    found.sort(key=lambda one: one.key)
    return [_together(list(some)) for _, some in groupby(found, key=lambda one: one.key)]
