"""`foreroute series export`: what is stored, as comma-separated values or JSON lines, a day at a time."""

import csv
import json
import math
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from foreroute.cli.say import CommandError
from foreroute.cli.series_store import check_channel, duration_of, metric_named, on_file
from foreroute.clock import SystemClock
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, value_of
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import Settings
from foreroute.store.sqlite import SqliteStore

_DAY_S: Final = 86400.0
_RESOLUTIONS: Final = {"minute": 0.0, "hour": 3600.0, "day": _DAY_S}
_COLUMNS: Final = ("ts", "window_s", "channel", "segment", "metric", "value", "count")
_T = TypeVar("_T")
Row = tuple[str, float, str, str, str, float, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The command line."""

    channels: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    since: str = "7d"
    resolution: str = "minute"
    form: str = "csv"
    segment: str = ""


def run(settings: Settings, wanted: Wanted, out: Path | None) -> None:
    """Raises CommandError or StoreError. A pipe that is closed ends it quietly."""
    window_s = _chosen(wanted.resolution, _RESOLUTIONS, "--resolution")
    writer = _chosen(wanted.form, {"csv": _csv_writer, "jsonl": _json_writer}, "--format")
    for name in wanted.channels:
        check_channel(settings, name)
    metrics = [metric_named(name) for name in wanted.metrics] or list(Metric)
    end_at = SystemClock().now()
    start_at = max(0.0, end_at - duration_of(wanted.since, "--since"))

    async def work(store: SqliteStore) -> None:
        with ExitStack() as stack:
            write = writer(_opened(out, stack))
            async for rollup in _rollups(store, wanted, start_at, end_at, window_s):
                for row in _rows(rollup, metrics):
                    write(row)

    try:
        on_file(settings, work)
    except BrokenPipeError:
        sys.stderr.close()


async def _rollups(
    store: SqliteStore, wanted: Wanted, start_at: float, end_at: float, window_s: float
) -> AsyncIterator[Rollup]:
    """By time and channel, merged to windows of this length; what is longer already stays as it is."""
    channels = [ChannelId(name) for name in wanted.channels] or None
    day_at = start_at // _DAY_S * _DAY_S
    while day_at < end_at:
        found = await store.rollups.read(
            start_at=day_at, end_at=min(end_at, day_at + _DAY_S), channels=channels, segment=wanted.segment
        )
        day_at += _DAY_S
        for rollup in _merged(found, window_s):
            if rollup.window_start + rollup.window_s > start_at:
                yield rollup


def _merged(rollups: Sequence[Rollup], window_s: float) -> Sequence[Rollup]:
    if not window_s:
        return rollups

    def window(rollup: Rollup) -> tuple[float, str]:
        return rollup.window_start // window_s * window_s, rollup.channel

    found = []
    for (start_at, _), some in groupby(sorted(rollups, key=window), key=window):
        whole = merge_rollups(list(some))
        found.append(replace(whole, window_start=start_at, window_s=max(window_s, whole.window_s)))
    return found


def _rows(rollup: Rollup, metrics: Sequence[Metric]) -> list[Row]:
    """A window that says nothing about a metric has no row of it."""
    ts = datetime.fromtimestamp(rollup.window_start, UTC).isoformat().replace("+00:00", "Z")
    values = [(metric, value_of(rollup, metric)) for metric in metrics]
    return [
        (ts, rollup.window_s, rollup.channel, rollup.segment, metric.value, value, _count(rollup, metric))
        for metric, value in values
        if not math.isnan(value)
    ]


def _count(rollup: Rollup, metric: Metric) -> int:
    """How many attempts are behind the value."""
    if metric.startswith("latency"):
        return rollup.latency.count
    if metric.startswith("first_chunk"):
        return rollup.first_chunk.count
    return rollup.attempts


def _csv_writer(stream: IO[str]) -> Callable[[Row], Any]:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    return writer.writerow


def _json_writer(stream: IO[str]) -> Callable[[Row], Any]:
    return lambda row: stream.write(json.dumps(dict(zip(_COLUMNS, row, strict=True))) + "\n")


def _opened(out: Path | None, stack: ExitStack) -> IO[str]:
    if out is None:
        return sys.stdout
    try:
        return stack.enter_context(out.open("x", encoding="utf-8", newline=""))
    except FileExistsError:
        raise CommandError("exists already", where=str(out), hint="take another name") from None
    except OSError as error:
        raise CommandError(f"cannot be written: {error.strerror}", where=str(out)) from None


def _chosen(name: str, known: dict[str, _T], where: str) -> _T:
    if name not in known:
        raise CommandError(f"there is no {name!r}", where=where, hint=f"one of {', '.join(known)}")
    return known[name]
