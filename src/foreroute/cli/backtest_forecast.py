"""`foreroute backtest` for forecasts: the series, the scores and their tables."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foreroute.cli import backtest_page
from foreroute.cli.backtest_csv import read_series
from foreroute.cli.forecast import number
from foreroute.cli.say import CommandError, console, print_json, table, text
from foreroute.cli.series_store import check_channel, duration_of, metric_named, on_file
from foreroute.clock import SystemClock
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series, series_of
from foreroute.forecast.backtest import Backtest, BacktestSettings, Overall, TooShort, backtest, overall
from foreroute.forecast.backtest_peers import NAIVE
from foreroute.forecast.backtest_replay import HORIZONS_S
from foreroute.forecast.backtest_score import Score
from foreroute.forecast.bank.settings import TARGETS
from foreroute.settings import Settings, load_settings
from foreroute.settings.convert import objective_metrics
from foreroute.settings.units import write_seconds
from foreroute.store.sqlite import SqliteStore

_HORIZON_MAX_S: Final = 7 * 86_400.0
_TENTHS: Final = 10
_PEERS: Final = {"mean_of_10": "mean of 10", "ewma_15min": "EWMA 15 min", "seasonal_ratio": "yesterday's"}
Row = dict[str, Any]


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
    found = backtest(series, BacktestSettings(horizons_s=horizons_s or HORIZONS_S), _progress())
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


def as_dict(found: Backtest) -> Row:
    return {
        "series": [_row(score) for score in found.scores],
        "overall": [_overall(one) for one in overall(found.scores)],
        "left_out": [
            {
                "series": one.series.channel,
                "metric": one.series.metric.value,
                "measured": one.measured,
                "measured_needed": one.measured_needed,
                "span_s": len(one.series.values) * one.series.step_s,
                "span_needed_s": one.steps_needed * one.series.step_s,
            }
            for one in found.too_short
        ],
    }


def _row(score: Score) -> Row:
    ratios = {name: _known(ours / theirs) for name, (ours, theirs) in score.peers.items()}
    weights = sorted(score.weights.items(), key=lambda pair: -pair[1])
    return {
        "series": score.series.channel,
        "metric": score.series.metric.value,
        "target": TARGETS[score.target].value,
        "horizon_s": score.horizon_s,
        "outcomes": score.outcomes,
        "error": score.error,
        "last_value_error": score.naive_error,
        "ratios": {NAIVE: _known(score.ratio), **ratios},
        "mape": _known(score.mape),
        "mape_floor": _known(float(score.floor)),
        "coverage80": score.inside80,
        "coverage95": score.inside95,
        "weights": {name: round(share, 4) for name, share in weights if share > 0},
    }


def _overall(one: Overall) -> Row:
    return {
        "target": TARGETS[one.target].value,
        "horizon_s": one.horizon_s,
        "series": one.series,
        "ratios": {
            NAIVE: _known(one.ratio),
            **{name: _known(ratio) for name, ratio in one.peers.items()},
        },
        "coverage80": one.inside80,
        "coverage95": one.inside95,
    }


def _show(answer: Row) -> None:
    out = console()
    ratios = (">÷ last value", *(f">÷ {name}" for name in _PEERS.values()))
    made = table(
        "series", "ahead", "of", ">error", *ratios, ">MAPE", ">noise floor", ">in 80 %", ">in 95 %", ">n"
    )
    for row in answer["series"]:
        made.add_row(
            text(f"{row['series']} {row['metric']}"),
            write_seconds(row["horizon_s"]),
            row["target"],
            number(row["metric"], row["error"]),
            *_ratios(row),
            _percent(row["mape"]),
            _percent(row["mape_floor"]),
            _percent(row["coverage80"]),
            _percent(row["coverage95"]),
            str(row["outcomes"]),
        )
    out.print(made)
    out.print()
    whole = table("overall", "ahead", "of", *ratios, ">in 80 %", ">in 95 %")
    for row in answer["overall"]:
        what = f"{row['series']} series" if row["series"] > 1 else "1 series"
        inside = _percent(row["coverage80"]), _percent(row["coverage95"])
        whole.add_row(what, write_seconds(row["horizon_s"]), row["target"], *_ratios(row), *inside)
    out.print(whole)
    out.print(
        text(
            "\n÷: mean absolute error over that of …, at the same origins; below 1 is better. Overall: geometric means.\n"
            "mean: of the time up to the horizon; point: the single window at its end. noise floor: the MAPE that the "
            "true level would have.",
            "dim",
        )
    )


def _ratios(row: Row) -> list[str]:
    found = (row["ratios"].get(name) for name in (NAIVE, *_PEERS))
    return ["–" if one is None else f"{one:.3f}" for one in found]


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


def _progress() -> Callable[[int, int], None]:
    """Says every tenth of a long replay."""
    said = 0

    def progress(done: int, total: int) -> None:
        nonlocal said
        if (tenth := done * _TENTHS // total) != said and done < total:
            said = tenth
            _say(f"{done} of {total} windows played")

    return progress


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
