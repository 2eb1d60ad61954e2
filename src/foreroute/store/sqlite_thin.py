"""How rollups in SQLite become coarser, in steps that are one transaction each: written and deleted together.

So a run that is killed between any two instructions leaves every minute in exactly one place. A step takes up a few
channels' pieces at a time: the tick's own append waits no longer than that.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup, Tiers
from foreroute.store import rows
from foreroute.store.columns import pack, unpack
from foreroute.store.spans import (
    CHUNK_S,
    DAY_S,
    HOUR_S,
    Merge,
    Span,
    aligned,
    floor_to,
    joined,
    read_members,
    span_of,
    write_members,
)
from foreroute.store.sqlite_worker import insert

_PIECES: Final = 8
"""Of so many channels a step takes up one piece each: some tens of milliseconds."""
_Who = tuple[ChannelId, str]
"""(channel, segment)"""
_ROW: Final = rows.ROLLUP_COLUMNS
_PUT_SPAN: Final = insert("REPLACE", "rollup_spans", f"{_ROW}, members")


def step(db: sqlite3.Connection, tiers: Tiers, merge: Merge) -> int:
    """The first thing that is due, a piece of it; returns how many rollups it took up. 0: nothing is due."""
    tiers = aligned(tiers)
    return (
        _pack_some(db, max(tiers.pack_at, tiers.hours_at))
        or _merge_some(db, tiers.hours_at, merge)
        or _join_some(db, tiers.days_at, merge)
    )


def newest_span_end(db: sqlite3.Connection) -> float:
    (at,) = db.execute("SELECT at FROM rollup_spans_end").fetchone()
    return float(at)


def absorb(db: sqlite3.Connection, rollups: Iterable[Rollup], merge: Merge) -> list[Rollup]:
    """Adds minutes to the hours and days that hold their time; returns those that none does."""
    rest: list[Rollup] = []
    groups: dict[tuple[_Who, float], list[Rollup]] = {}
    for rollup in rollups:
        who = (rollup.channel, rollup.segment)
        groups.setdefault((who, floor_to(rollup.window_start, HOUR_S)), []).append(rollup)
    for (who, hour_at), minutes in groups.items():
        for start_at, window_s in ((hour_at, HOUR_S), (floor_to(hour_at, DAY_S), DAY_S)):
            if (old := _span(db, who, start_at, window_s)) is not None:
                _put(db, span_of(minutes, merge, start_at=start_at, window_s=window_s, old=old))
                break
        else:
            rest += minutes
    return rest


def prune_chunks(db: sqlite3.Connection, before_at: float) -> int:
    """Some of the packed minutes that are older go; returns how many rollups. 0: there are none left."""
    query = (
        "SELECT channel, segment, chunk_at, rollups, numbers, sketches FROM rollup_chunks "
        "WHERE chunk_at < ? ORDER BY chunk_at LIMIT 256"
    )
    gone = 0
    for channel, segment, chunk_at, count, *packed in db.execute(query, (before_at,)).fetchall():
        who, left = (ChannelId(channel), segment), list[Rollup]()
        if chunk_at + CHUNK_S > before_at:
            known = unpack(*packed, channel=who[0], segment=segment, origin_at=chunk_at)
            left = [rollup for rollup in known if rollup.window_start >= before_at]
        if not left:
            _drop(db, who, chunk_at)
        elif len(left) < count:
            _put_chunk(db, who, chunk_at, left)
        gone += count - len(left)
    return gone


def prune_spans(db: sqlite3.Connection, before_at: float) -> int:
    """Some of the hours and days that are older go; returns how many. 0: there are none left."""
    key = "channel, segment, window_start, window_s"
    some = f"SELECT {key} FROM rollup_spans WHERE window_s = ? AND window_start < ? LIMIT 1000"  # noqa: S608
    statement = f"DELETE FROM rollup_spans WHERE ({key}) IN ({some})"  # noqa: S608
    return sum(db.execute(statement, (window_s, before_at)).rowcount for window_s in (HOUR_S, DAY_S))


# Rows to chunks ------------------------------------------------------------------------------------------------------


def _pack_some(db: sqlite3.Connection, before_at: float) -> int:
    query = "SELECT min(window_start) FROM rollups WHERE window_start < ?"
    (oldest_at,) = db.execute(query, (before_at,)).fetchone()
    if oldest_at is None:
        return 0
    query = "SELECT DISTINCT channel, segment FROM rollups WHERE window_start = ? LIMIT ?"
    some: list[_Who] = db.execute(query, (oldest_at, _PIECES)).fetchall()
    chunk_at = floor_to(oldest_at, CHUNK_S)
    windows = _windows(db, chunk_at, chunk_at + CHUNK_S)
    return sum(_pack(db, who, chunk_at, windows) for who in some)


def _windows(db: sqlite3.Connection, start_at: float, end_at: float) -> list[float]:
    found, query = [], "SELECT min(window_start) FROM rollups WHERE window_start >= ? AND window_start < ?"
    (at,) = db.execute(query, (start_at, end_at)).fetchone()
    following = query.replace(">=", ">")
    while at is not None:
        found.append(at)
        (at,) = db.execute(following, (at, end_at)).fetchone()
    return found


def _pack(db: sqlite3.Connection, who: _Who, chunk_at: float, windows: Sequence[float]) -> int:
    """Moves one channel's rows into its chunk, over what the chunk already knows of them; returns how many rows."""
    mine = "FROM rollups WHERE window_start = ? AND channel = ? AND segment = ?"
    found = [rows.rollup_of(row) for at in windows for row in db.execute(f"SELECT {_ROW} {mine}", (at, *who))]
    known = {(rollup.window_start, rollup.source): rollup for rollup in _chunk(db, who, chunk_at)}
    known |= {(rollup.window_start, rollup.source): rollup for rollup in found}
    _put_chunk(db, who, chunk_at, [known[key] for key in sorted(known)])
    db.executemany(f"DELETE {mine}", [(at, *who) for at in windows])
    return len(found)


def _chunk(db: sqlite3.Connection, who: _Who, chunk_at: float) -> list[Rollup]:
    query = "SELECT numbers, sketches FROM rollup_chunks WHERE channel = ? AND segment = ? AND chunk_at = ?"
    row = db.execute(query, (*who, chunk_at)).fetchone()
    return [] if row is None else unpack(*row, channel=who[0], segment=who[1], origin_at=chunk_at)


def _put_chunk(db: sqlite3.Connection, who: _Who, chunk_at: float, rollups: Sequence[Rollup]) -> None:
    packed = pack(rollups, chunk_at)
    row = (*who, chunk_at, packed.rollups, packed.numbers, packed.sketches)
    db.execute("INSERT OR REPLACE INTO rollup_chunks VALUES (?, ?, ?, ?, ?, ?)", row)


def _drop(db: sqlite3.Connection, who: _Who, chunk_at: float) -> None:
    query = "DELETE FROM rollup_chunks WHERE channel = ? AND segment = ? AND chunk_at = ?"
    db.execute(query, (*who, chunk_at))


# Chunks to hours, hours to days --------------------------------------------------------------------------------------


def _merge_some(db: sqlite3.Connection, before_at: float, merge: Merge) -> int:
    query = (
        "SELECT channel, segment, chunk_at, numbers, sketches FROM rollup_chunks "
        "WHERE chunk_at < ? ORDER BY chunk_at LIMIT ?"
    )
    done = 0
    for channel, segment, chunk_at, *packed in db.execute(query, (before_at, _PIECES)).fetchall():
        who = (ChannelId(channel), segment)
        minutes = unpack(*packed, channel=who[0], segment=segment, origin_at=chunk_at)
        hours: dict[float, list[Rollup]] = {}
        for rollup in absorb(db, minutes, merge):
            hours.setdefault(floor_to(rollup.window_start, HOUR_S), []).append(rollup)
        for hour_at, rollups in hours.items():
            _put(db, span_of(rollups, merge, start_at=hour_at, window_s=HOUR_S))
        _drop(db, who, chunk_at)
        done += len(minutes)
    return done


def _join_some(db: sqlite3.Connection, before_at: float, merge: Merge) -> int:
    query = "SELECT channel, segment, window_start FROM rollup_spans WHERE window_s = ? AND window_start < ? LIMIT ?"
    due = db.execute(query, (HOUR_S, before_at, 24 * _PIECES)).fetchall()
    days = sorted({(floor_to(at, DAY_S), ChannelId(channel), segment) for channel, segment, at in due})
    mine = "FROM rollup_spans WHERE channel = ? AND segment = ? AND window_s = ? AND window_start >= ? AND window_start < ?"
    done = 0
    for day_at, *who in days[:_PIECES]:
        wanted = (*who, HOUR_S, day_at, day_at + DAY_S)
        hours = [_span_of_row(row) for row in db.execute(f"SELECT {_ROW}, members {mine}", wanted)]
        day = _span(db, (who[0], who[1]), day_at, DAY_S)
        known = hours if day is None else [day, *hours]
        _put(db, joined(known, merge, start_at=day_at, window_s=DAY_S))
        db.execute(f"DELETE {mine}", wanted)
        done += len(hours)
    return done


def _span(db: sqlite3.Connection, who: _Who, start_at: float, window_s: float) -> Span | None:
    query = (
        f"SELECT {_ROW}, members FROM rollup_spans "  # noqa: S608
        "WHERE channel = ? AND segment = ? AND window_start = ? AND window_s = ?"
    )
    row = db.execute(query, (*who, start_at, window_s)).fetchone()
    return None if row is None else _span_of_row(row)


def _span_of_row(row: rows.Row) -> Span:
    return Span(rows.rollup_of(row[:-1]), read_members(row[-1]))


def _put(db: sqlite3.Connection, span: Span) -> None:
    db.execute(_PUT_SPAN, (*rows.rollup_row(span.rollup), write_members(span.members)))
    end_at = span.rollup.window_start + span.rollup.window_s
    db.execute("UPDATE rollup_spans_end SET at = max(at, ?)", (end_at,))
