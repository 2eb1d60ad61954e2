"""`foreroute series import`: history of others into the store, and a report of what became of it."""

import math
import os
import sys
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from foreroute.cli.say import CommandError, console, text
from foreroute.cli.series_store import check_channel, duration_of, metric_named, on_file
from foreroute.cli.status import clock
from foreroute.clock import SystemClock
from foreroute.core.errors import HistoryError
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.rollup import Rollup, by_channel
from foreroute.monitor.fold import fold
from foreroute.monitor.history import IMPORTED, Point, problem_of, rollups_of
from foreroute.monitor.history_csv import Reading, read_csv
from foreroute.monitor.litellm_logs import SOURCE, Matcher, attempts_of, read_logs
from foreroute.monitor.prometheus import Prometheus, RangeQuery
from foreroute.settings import Settings
from foreroute.settings.convert import channels_of
from foreroute.store.sqlite import SqliteStore

_BATCH: Final = 5000
"""Rollups in one transaction: a service that writes to the same file waits no longer than that."""
_DAY_S: Final = 86400.0
AUTHORIZATION: Final = "FOREROUTE_PROMETHEUS_AUTHORIZATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The command line."""

    file: Path | None = None
    channel: str | None = None
    metric: str | None = None
    scale: float = 1.0
    litellm: bool = False
    match: tuple[str, ...] = ()
    prometheus: str | None = None
    query: str | None = None
    since: str = "14d"
    dry_run: bool = False


@dataclass(slots=True)
class Report:
    """What became of it."""

    windows: int = 0
    """Taken in, or with --dry-run: that would be."""
    measured: int = 0
    """Left out, since the channel has measured that window itself."""
    old: int = 0
    """Left out, since nothing is kept for that long."""
    start_at: float | None = None
    end_at: float | None = None
    channels: dict[str, int] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    matched: list[dict[str, Any]] = field(default_factory=list)
    unmatched: list[dict[str, Any]] = field(default_factory=list)
    cached: int = 0
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(settings: Settings, wanted: Wanted) -> Report:
    """Raises CommandError, HistoryError or StoreError; nothing is stored of what cannot be read to its end."""
    at, report = SystemClock().now(), Report(dry_run=wanted.dry_run)
    rollups = _rollups(settings, wanted, at, report)
    for name in sorted({rollup.channel for rollup in rollups}):
        check_channel(settings, name, where="channel")
    kept = [one for one in rollups if one.window_start >= at - settings.store.keep.days]
    report.old = len(rollups) - len(kept)

    async def work(store: SqliteStore) -> list[Rollup]:
        fresh = await _without_measured(store, kept)
        for first in range(0, 0 if wanted.dry_run else len(fresh), _BATCH):
            await store.append([], fresh[first : first + _BATCH])
        return fresh

    if wanted.dry_run and not settings.store.path.exists():
        fresh = kept
    else:
        fresh = on_file(settings, work, create=True)
    report.windows, report.measured = len(fresh), len(kept) - len(fresh)
    report.metrics = tuple(sorted({name for rollup in fresh for name in rollup.metrics}))
    for rollup in fresh:
        report.channels[rollup.channel] = report.channels.get(rollup.channel, 0) + 1
    if fresh:
        report.start_at = min(rollup.window_start for rollup in fresh)
        report.end_at = max(rollup.window_start + rollup.window_s for rollup in fresh)
    return report


def show(report: Report) -> None:
    """What matched goes to stdout; the summary too."""
    out = console()
    for one in report.matched:
        out.print(text(f"{one['rows']:>9} rows  {_what(one)}  →  {one['channel']}"))
    for one in report.unmatched:
        out.print(text(f"{one['rows']:>9} rows  {_what(one)}  left out: {one['why']}"))
    if report.unmatched:
        out.print("Say whose they are with --match NAME=CHANNEL (a model group, a model or an api_base).")
    if report.cached:
        out.print(f"{report.cached} rows left out: answered from a cache.")
    if report.measured:
        out.print(f"{report.measured} windows left out: the channel has measured them itself.")
    if report.old:
        out.print(f"{report.old} windows left out: older than store.keep.days.")
    did = "would be taken in" if report.dry_run else "taken in"
    what = f" of {', '.join(report.metrics)}" if report.metrics else ""
    out.print(text(f"{report.windows} windows{what} {did}."))
    for name, count in sorted(report.channels.items()):
        out.print(text(f"  {name}: {count}"))
    if report.start_at is not None:
        out.print(f"  {clock(report.start_at)} to {clock(report.end_at)}")


def _rollups(settings: Settings, wanted: Wanted, at: float, report: Report) -> Sequence[Rollup]:
    if sum((wanted.prometheus is not None, wanted.file is not None)) != 1:
        raise CommandError("say where the history is", hint="name a FILE, or a server with --prometheus URL")
    if not math.isfinite(wanted.scale) or wanted.scale <= 0:
        raise CommandError("is above zero", where="--scale")
    if wanted.litellm:
        return _from_litellm(settings, wanted, report)
    points = _from_prometheus(settings, wanted, at) if wanted.prometheus else _from_csv(settings, wanted)
    return rollups_of(points, window_s=settings.loop.tick)


def _from_csv(settings: Settings, wanted: Wanted) -> Iterator[Point]:
    if wanted.channel is not None:
        check_channel(settings, wanted.channel)
    reading = Reading(
        channel=None if wanted.channel is None else ChannelId(wanted.channel),
        metric=None if wanted.metric is None else metric_named(wanted.metric),
        scale=wanted.scale,
    )
    with _lines(wanted.file) as lines:
        yield from read_csv(lines, str(wanted.file), reading)


def _from_prometheus(settings: Settings, wanted: Wanted, at: float) -> Iterator[Point]:
    given = {"--channel": wanted.channel, "--metric": wanted.metric, "--query": wanted.query}
    if missing := [name for name, value in given.items() if not value]:
        raise CommandError(f"--prometheus needs {', '.join(missing)} too")
    channel, metric = wanted.channel or "", metric_named(wanted.metric or "")
    check_channel(settings, channel)
    step_s = settings.loop.tick
    end_at = at // step_s * step_s
    start_at = (at - duration_of(wanted.since, "--since")) // step_s * step_s + step_s
    server = Prometheus(
        url=wanted.prometheus or "", sleep=time.sleep, authorization=os.environ.get(AUTHORIZATION)
    )
    asked = RangeQuery(query=wanted.query or "", start_at=start_at, end_at=end_at, step_s=step_s)
    for instant, value in server.samples(asked):
        scaled = value * wanted.scale
        if problem := problem_of(metric, scaled):
            raise HistoryError(f"{metric} {value} {problem}", where=f"--query at {instant:.0f}")
        # A value at an instant tells of the step that ends there.
        yield Point(channel=ChannelId(channel), metric=metric, at=instant - step_s, value=scaled)


def _from_litellm(settings: Settings, wanted: Wanted, report: Report) -> Sequence[Rollup]:
    routes = {
        RouteName(route.model): [ChannelId(target.channel) for target in route.targets]
        for route in settings.routes
    }
    matcher = Matcher(channels_of(settings), routes, _named(settings, wanted.match))
    name = str(wanted.file)
    with _lines(wanted.file) as lines:
        attempts = attempts_of(read_logs(lines, name), name, matcher)
        rollups = fold(attempts, window_s=settings.loop.tick, source=SOURCE)
    seen = matcher.seen
    report.cached = seen.cached
    for what, rows in seen.rows.most_common():
        row = {"model": what[0], "api_base": what[1], "model_group": what[2], "rows": rows}
        if (channel := seen.channels.get(what)) is not None:
            report.matched.append(row | {"channel": channel})
        else:
            report.unmatched.append(row | {"why": seen.unmatched[what]})
    return rollups


def _named(settings: Settings, match: Iterable[str]) -> dict[str, ChannelId]:
    named = {}
    for one in match:
        name, equals, channel = one.rpartition("=")
        if not equals or not name:
            raise CommandError(f"{one!r} is not NAME=CHANNEL", where="--match")
        check_channel(settings, channel, where="--match")
        named[name] = ChannelId(channel)
    return named


async def _without_measured(store: SqliteStore, rollups: Sequence[Rollup]) -> list[Rollup]:
    """Those whose time the store knows nothing of, or only what was imported."""
    fresh = []
    for channel, mine in by_channel(rollups).items():
        start_at = min(one.window_start for one in mine) // _DAY_S * _DAY_S
        end_at = max(one.window_start + one.window_s for one in mine)
        known = await store.rollups.read(start_at=start_at, end_at=end_at, channels=[channel])
        measured = [(one.window_start, one.window_start + one.window_s) for one in known if _is_ours(one)]
        starts = [start for start, _ in measured]
        for rollup in mine:
            place = bisect_right(starts, rollup.window_start)
            if not place or measured[place - 1][1] <= rollup.window_start:
                fresh.append(rollup)
    return sorted(fresh, key=lambda one: (one.window_start, one.channel))


def _is_ours(rollup: Rollup) -> bool:
    """Measured here, as far as is known: of hours, that is what tells everything."""
    return not rollup.metrics and not all(name.startswith(IMPORTED) for name in rollup.source.split("+"))


@contextmanager
def _lines(file: Path | None) -> Iterator[IO[str]]:
    path = file or Path()
    if str(path) == "-":
        yield sys.stdin
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield stream
    except OSError as error:
        raise CommandError(f"cannot be read: {error.strerror or error}", where=str(path)) from None


def _what(row: dict[str, Any]) -> str:
    return " ".join(str(row[name]) for name in ("model_group", "model", "api_base") if row[name])
