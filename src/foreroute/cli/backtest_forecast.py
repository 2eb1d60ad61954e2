"""`foreroute backtest` for forecasts: the series, the scores and their tables."""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foreroute.cli import backtest_page
from foreroute.cli.backtest_answer import RATIOS, Row, as_dict, percent, ratios
from foreroute.cli.backtest_csv import read_series
from foreroute.cli.forecast import number
from foreroute.cli.progress import Progress
from foreroute.cli.say import CommandError, console, print_json, table, text
from foreroute.cli.series_store import check_channel, duration_of, metric_named, on_file
from foreroute.clock import SystemClock
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series, series_of
from foreroute.forecast.backtest import Backtest, BacktestSettings, TooShort, backtest
from foreroute.forecast.backtest_replay import HORIZONS_S
from foreroute.settings import Settings, load_settings
from foreroute.settings.convert import objective_metrics
from foreroute.settings.units import write_seconds
from foreroute.store.sqlite import SqliteStore

_HORIZON_MAX_S: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The command line."""

    channel: str | None = None
    metric: str | None = None
    since: str = "14d"
    csv: Path | None = None
    horizons: tuple[str, ...] = ()
    html: Path | None = None
    config: Path = Path("foreroute.yaml")
    """Not read with a file of values."""


def run(wanted: Wanted, *, as_json: bool) -> None:
    """Prints the scores. Raises CommandError, HistoryError, ConfigError, StoreError or MissingExtra."""
    if wanted.html is not None:
        backtest_page.check(wanted.html)
    horizons_s = tuple(_horizon(one) for one in wanted.horizons)
    metric = None if wanted.metric is None else metric_named(wanted.metric)
    if wanted.csv is not None:
        series = read_series(wanted.csv, channel=wanted.channel, metric=metric)
    else:
        settings = load_settings(wanted.config)
        horizons_s = horizons_s or settings.forecast.horizons
        series = _stored(settings, wanted, metric)
    progress = Progress("windows", SystemClock().now)
    found = backtest(series, BacktestSettings(horizons_s=horizons_s or HORIZONS_S), progress)
    for one in found.too_short:
        _say(f"left out: {_too_short(one)}")
    if not found.scores:
        raise _nothing(found, series)
    answer = as_dict(found)
    if wanted.html is not None:
        backtest_page.write(wanted.html, found, answer)
        _say(f"the report is {wanted.html}")
    if as_json:
        print_json(answer)
    else:
        _show(answer)


def _show(answer: Row) -> None:
    out = console()
    heads = [f">{head}" for head in RATIOS.values()]
    made = table(
        "series", "ahead", "of", ">error", *heads, ">MAPE", ">noise floor", ">in 80 %", ">in 95 %", ">n"
    )
    for row in answer["series"]:
        made.add_row(
            text(f"{row['series']} {row['metric']}"),
            write_seconds(row["horizon_s"]),
            row["target"],
            number(row["metric"], row["error"]),
            *ratios(row),
            percent(row["mape"]),
            percent(row["mape_floor"]),
            percent(row["coverage80"]),
            percent(row["coverage95"]),
            str(row["outcomes"]),
        )
    out.print(made)
    out.print()
    whole = table("overall", "ahead", "of", *heads, ">in 80 %", ">in 95 %")
    for row in answer["overall"]:
        what = f"{row['series']} series" if row["series"] > 1 else "1 series"
        inside = percent(row["coverage80"]), percent(row["coverage95"])
        whole.add_row(what, write_seconds(row["horizon_s"]), row["target"], *ratios(row), *inside)
    out.print(whole)
    out.print(
        text(
            "\n÷: mean absolute error over that of …, at the same origins; below 1 is better. Overall: geometric means.\n"
            "mean: of the time up to the horizon; point: the single window at its end. noise floor: the MAPE that the "
            "true level would have.",
            "dim",
        )
    )


def _stored(settings: Settings, wanted: Wanted, metric: Metric | None) -> list[Series]:
    """Minutes of each channel, from the first that is stored. What is kept as hours tells nothing of minutes."""
    if wanted.channel is not None:
        check_channel(settings, wanted.channel, where="CHANNEL")
    step_s = settings.loop.tick
    end_at = SystemClock().now() // step_s * step_s
    start_at = end_at - duration_of(wanted.since, "--since") // step_s * step_s
    judged = objective_metrics(settings)
    names = [channel for channel in judged if wanted.channel in {None, channel}]

    async def work(store: SqliteStore) -> list[Series]:
        return [await _one(store, name, metric or judged[name]) for name in names]

    async def _one(store: SqliteStore, name: ChannelId, what: Metric) -> Series:
        rollups = await store.rollups.read(start_at=start_at, end_at=end_at, channels=[name])
        fine = [rollup for rollup in rollups if rollup.window_s <= step_s]
        first = end_at
        if fine:
            first = start_at + max(0, math.floor((fine[0].window_start - start_at) / step_s + 1e-6)) * step_s
        return series_of(fine, name, what, start_at=first, end_at=end_at, step_s=step_s)

    return on_file(settings, work)


def _nothing(found: Backtest, series: list[Series]) -> CommandError:
    if not found.too_short:
        message = f"nothing of {', '.join(one.channel for one in series[:5])} could be scored"
        return CommandError(message, hint="too few windows in the newest 65 % of the history were measured")
    most = max(found.too_short, key=lambda one: (one.measured, len(one.series.values)))
    hint = (
        "a shorter --horizon needs less; only what is kept as minutes counts (store.keep), and `foreroute series import` "
        "brings older history in"
    )
    return CommandError(f"there is too little history. {_too_short(most)}", hint=hint)


def _too_short(one: TooShort) -> str:
    step_s = one.series.step_s
    has = (
        f"{one.measured} values over {write_seconds(len(one.series.values) * step_s)}"
        if one.measured
        else "no value"
    )
    needed = f"{one.measured_needed} over {write_seconds(one.steps_needed * step_s)} are needed"
    return f"{one.series.channel} {one.series.metric.value} has {has}; {needed}"


def _horizon(given: str) -> float:
    found = duration_of(given, "--horizon")
    if not 0 < found <= _HORIZON_MAX_S:
        raise CommandError(f"{given} is not above zero and at most 7d", where="--horizon")
    return found


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
