"""The store under a thousand channels: how long a minute's commit takes, how fast a week is read, how large it becomes.

Two layouts of the same rollups: the store's own (newest minutes by time, older ones packed by channel), and one table
clustered by (channel, time), which is the obvious one. `make bench NAME=store`; `--quick` takes a tenth of the channels.
"""

import asyncio
import math
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from bench.report import Row
from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.rollup import Rollup, Tiers
from foreroute.core.series import Metric, value_of
from foreroute.monitor.fold import merge_rollups, summary
from foreroute.store import rows
from foreroute.store.sqlite import SqliteStore
from foreroute.store.sqlite_worker import Worker, insert

_EPOCH_AT: Final = 1_772_409_600.0
_MINUTE_S: Final = 60.0
_WEEK: Final = 10_080
_ATTEMPTS: Final = 30
"""A minute of a channel. Sketches grow with it: 15 attempts a minute cost a third less, 300 twice as much."""
_ENTRIES: Final = 1000
"""Ledger rows in the same transaction."""
_NUMBERS: Final = 21
"""Of one rollup: four counts, two summaries of five, five kinds of tokens, cost, unpriced attempts."""
_METRICS: Final = 12
"""By which a rollup is counted as that many values: what most systems would keep as twelve series."""
_COMMIT_MS, _READ_MS, _BYTES = 500.0, 25.0, 110.0


def _rollup(channel: ChannelId, minute: int, rng: random.Random) -> Rollup:
    """A channel's minute: log-normal latencies with a daily swing, no value twice."""
    swing = 1.0 + 0.3 * math.sin(2 * math.pi * minute / 1440)
    latencies = [rng.lognormvariate(0.3, 0.5) * swing for _ in range(_ATTEMPTS)]
    first = [0.25 * one for one in latencies[: _ATTEMPTS * 2 // 3]]
    return Rollup(
        channel=channel,
        window_start=_EPOCH_AT + _MINUTE_S * minute,
        source=f"run-{_EPOCH_AT:.3f}",
        attempts=_ATTEMPTS + 1,
        successes=_ATTEMPTS,
        throttles=1,
        latency=summary(latencies),
        first_chunk=summary(first),
        usage=Usage(rng.randrange(60_000), rng.randrange(9_000), 0, rng.randrange(20_000), 0),
        cost_usd=Decimal(rng.randrange(10**9)) / 10**9,
    )


class _Clustered:
    """The other layout: whole rollups in one table by (channel, time)."""

    def __init__(self, path: Path) -> None:
        self._writer = Worker(path, "clustered-writer", before_writing=lambda _: None)
        self._reader = Worker(path, "clustered-reader")

    async def open(self) -> "_Clustered":
        columns = ", ".join(name.strip() for name in rows.ROLLUP_COLUMNS.split(","))
        table = f"CREATE TABLE rollups ({columns}, PRIMARY KEY (channel, window_start, source)) WITHOUT ROWID"
        await self._writer.start(lambda db: db.execute(table).fetchall())
        await self._reader.start(lambda _: None)
        return self

    async def append(self, rollups: Sequence[Rollup]) -> None:
        statement = insert("REPLACE", "rollups", rows.ROLLUP_COLUMNS)
        await self._writer.insert(statement, [rows.rollup_row(rollup) for rollup in rollups])

    async def series(self, channel: ChannelId, metric: Metric, start_at: float, end_at: float) -> int:
        query = (
            f"SELECT {rows.ROLLUP_COLUMNS} FROM rollups "
            "WHERE channel = ? AND window_start >= ? AND window_start < ?"
        )

        def work(db: sqlite3.Connection) -> int:
            found = map(rows.rollup_of, db.execute(query, (channel, start_at, end_at)))
            return len([value_of(rollup, metric) for rollup in found])

        return await self._reader.run(work)

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()


@dataclass
class _Layout:
    """What was measured of one of them."""

    commit_ms: list[float] = field(default_factory=list)
    beside_ms: list[float] = field(default_factory=list)
    """Reads of a series while a minute was committed."""
    read_ms: float = math.nan
    read_cpu_ms: float = math.nan
    """Processor time of the same: what a machine that has nothing else to do would take."""
    several_ms: float = math.nan
    bytes_per_rollup: float = math.nan

    @property
    def p99_ms(self) -> float:
        return statistics.quantiles(self.commit_ms, n=100)[98]


Append = Callable[[Sequence[LedgerEntry], Sequence[Rollup]], Awaitable[None]]
Read = Callable[[ChannelId, Metric], Awaitable[int]]


async def _minutes(
    channels: int, minutes: int, append: Append, read: Read, after: Callable[[int], Awaitable[None]]
) -> _Layout:
    """Minute after minute of all channels, with one reader that never pauses."""
    seen, rng, done = _Layout(), random.Random(1), False
    names = [ChannelId(f"channel-{number:04d}") for number in range(channels)]
    templates = [_rollup(names[0], minute, rng) for minute in range(256)]

    async def reading() -> None:
        while not done:
            start = time.perf_counter()
            await read(names[rng.randrange(channels)], Metric.LATENCY_P95)
            seen.beside_ms.append(1e3 * (time.perf_counter() - start))

    reader = asyncio.create_task(reading())
    for minute in range(minutes):
        batch = [_of(templates[rng.randrange(256)], name, minute, rng) for name in names]
        booked = [_booked(f"q{minute}-{number}", batch[0].window_start) for number in range(_ENTRIES)]
        start = time.perf_counter()
        await append(booked, batch)
        seen.commit_ms.append(1e3 * (time.perf_counter() - start))
        await after(minute)
        await asyncio.sleep(0)
    done = True
    await reader
    return seen


def _of(template: Rollup, channel: ChannelId, minute: int, rng: random.Random) -> Rollup:
    """Percentiles and sketches of one of some hundred minutes: making them is not what is measured."""
    return Rollup(
        channel=channel,
        window_start=_EPOCH_AT + _MINUTE_S * minute,
        source=template.source,
        attempts=template.attempts,
        successes=template.successes,
        throttles=template.throttles,
        latency=template.latency,
        first_chunk=template.first_chunk,
        usage=template.usage,
        cost_usd=Decimal(rng.randrange(10**9)) / 10**9,
    )


def _booked(name: str, at: float) -> LedgerEntry:
    """Written out: making it is not what is measured."""
    attempt = Attempt(
        request_id=RequestId(name),
        number=1,
        route=RouteName("chat"),
        channel=ChannelId("channel-0000"),
        started_at=at,
        duration_s=1.25,
        outcome=Outcome.SUCCESS,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        cost_usd=Decimal("0.00123"),
    )
    return LedgerEntry(attempt=attempt, cost_usd=attempt.cost_usd, price_source="config")


def _tiers(at: float, *, pack: bool = True) -> Tiers:
    return Tiers(pack_at=at - 1800.0 if pack else 0.0, hours_at=0.0, days_at=0.0, gone_at=0.0)


async def _own(folder: Path, channels: int, minutes: int) -> _Layout:
    store = await SqliteStore.open(folder / "own.db", merge_rollups)

    async def read(channel: ChannelId, metric: Metric) -> int:
        return len(await store.rollups.series(channel, metric, start_at=_EPOCH_AT, end_at=1e12))

    async def after(minute: int) -> None:
        at = _EPOCH_AT + _MINUTE_S * (minute + 1)
        for _ in range(8):
            if not await store.rollups.thin(_tiers(at)):
                break

    seen = await _minutes(channels, minutes, store.append, read, after)
    await store.close()
    return seen


async def _other(folder: Path, channels: int, minutes: int) -> _Layout:
    store = await _Clustered(folder / "clustered.db").open()

    async def read(channel: ChannelId, metric: Metric) -> int:
        return await store.series(channel, metric, _EPOCH_AT, 1e12)

    async def append(_: Sequence[LedgerEntry], rollups: Sequence[Rollup]) -> None:
        await store.append(rollups)

    async def after(_: int) -> None:
        return None

    seen = await _minutes(channels, minutes, append, read, after)
    await store.close()
    return seen


async def _week(folder: Path, seen: _Layout, other: _Layout, channels: int) -> None:
    """A whole week of some channels, each value of its own: how long one takes to read, and what all of them weigh."""
    store = await SqliteStore.open(folder / "week.db", merge_rollups)
    clustered = await _Clustered(folder / "week-clustered.db").open()
    rng = random.Random(2)
    names = [ChannelId(f"channel-{number:04d}") for number in range(channels)]
    for first in range(0, _WEEK, 240):
        batch = [
            _rollup(name, minute, rng) for minute in range(first, min(first + 240, _WEEK)) for name in names
        ]
        await store.rollups.append(batch)
        await clustered.append(batch)
        # As a running service does: what is packed is packed while newer minutes come.
        while await store.rollups.thin(_tiers(_EPOCH_AT + _MINUTE_S * (first + 240))):
            pass
    end_at = _EPOCH_AT + _MINUTE_S * _WEEK
    metrics = (Metric.LATENCY_P95, Metric.FAILURE_RATIO, Metric.ATTEMPTS, Metric.COST_USD)

    async def read(metric: Metric) -> int:
        return len(await store.rollups.series(names[0], metric, start_at=_EPOCH_AT, end_at=end_at))

    async def read_several() -> int:
        return sum([await read(metric) for metric in metrics])

    seen.read_ms = await _median_ms(lambda: read(Metric.LATENCY_P95), _WEEK)
    start = time.process_time()
    for _ in range(21):
        await read(Metric.LATENCY_P95)
    seen.read_cpu_ms = 1e3 * (time.process_time() - start) / 21
    seen.several_ms = await _median_ms(read_several, _WEEK * len(metrics))
    other.read_ms = await _median_ms(
        lambda: clustered.series(names[0], Metric.LATENCY_P95, _EPOCH_AT, end_at), _WEEK
    )
    await store.close()
    await clustered.close()
    seen.bytes_per_rollup = _bytes(folder / "week.db") / (channels * _WEEK)
    other.bytes_per_rollup = _bytes(folder / "week-clustered.db") / (channels * _WEEK)


async def _median_ms(read: Callable[[], Awaitable[int]], count: int) -> float:
    times = []
    for _ in range(21):
        start = time.perf_counter()
        found = await read()
        times.append(1e3 * (time.perf_counter() - start))
        if found != count:
            raise AssertionError(f"{found} values instead of {count}")
    return statistics.median(times)


def _bytes(path: Path) -> int:
    """All pages that hold something. What packing has left empty is filled again by the next minutes."""
    with closing(sqlite3.connect(path)) as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        (free,) = db.execute("PRAGMA freelist_count").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def run(*, quick: bool) -> list[Row]:
    channels, minutes, weeks = (100, 300, 2) if quick else (1000, 330, 4)
    with tempfile.TemporaryDirectory(prefix="foreroute-store-") as name:
        folder = Path(name)
        own = asyncio.run(_own(folder, channels, minutes))
        other = asyncio.run(_other(folder, channels, minutes))
        asyncio.run(_week(folder, own, other, weeks))
    print(f"reads beside: {statistics.median(own.beside_ms):.1f} ms (median)", file=sys.stderr)
    return _rows(own, other, channels=channels, minutes=minutes, weeks=weeks)


def _rows(own: _Layout, other: _Layout, *, channels: int, minutes: int, weeks: int) -> list[Row]:
    how = (
        f"store: {minutes} minutes of {channels} channels, one transaction each with a thousand ledger rows in it, packing "
        "as it goes, a reader beside it that never pauses. "
    )
    week = f"week: {weeks} channels with every minute of 7 days, {_ATTEMPTS} attempts in each, no two alike. "
    per_value = own.bytes_per_rollup / _METRICS
    return [
        Row(
            id="store.commit_p99_ms",
            what=f"one minute of {channels} channels, whole rollups and {_ENTRIES} ledger rows, until it is committed, p99",
            value=own.p99_ms,
            unit="ms",
            target=f"< {_COMMIT_MS:.0f}",
            holds=own.p99_ms < _COMMIT_MS,
            baseline=f"{other.p99_ms:.0f} clustered by channel (without the ledger); own median "
            f"{statistics.median(own.commit_ms):.0f}, clustered {statistics.median(other.commit_ms):.0f}",
            how=how,
        ),
        Row(
            id="store.read_7d_ms",
            what="10,080 minutes of one metric of one channel, median",
            value=own.read_ms,
            unit="ms",
            target=f"< {_READ_MS:.0f}",
            holds=own.read_ms < _READ_MS,
            baseline=f"{other.read_ms:.0f} clustered by channel; own processor time {own.read_cpu_ms:.1f}, four metrics "
            f"{own.several_ms:.0f}",
            how=week + "Warm page cache.",
        ),
        Row(
            id="store.bytes_per_row",
            what=f"a whole rollup on disk: {_NUMBERS} numbers and two sketches, index and page waste included",
            value=own.bytes_per_rollup,
            unit="B",
            target=f"< {_BYTES:.0f}",
            holds=own.bytes_per_rollup < _BYTES,
            baseline=f"{other.bytes_per_rollup:.0f} clustered by channel",
            how=week + "Pages in use, the unpacked last hours among them.",
        ),
        Row(
            id="store.bytes_per_value",
            what=f"the same by (channel, minute, metric), {_METRICS} to a rollup",
            value=per_value,
            unit="B",
            baseline=f"{other.bytes_per_rollup / _METRICS:.1f} clustered by channel; by its {_NUMBERS} numbers "
            f"{own.bytes_per_rollup / _NUMBERS:.1f}",
            how=week,
        ),
    ]
