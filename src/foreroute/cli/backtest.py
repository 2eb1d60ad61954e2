# ruff: noqa: PLC0415 - numpy, the stages and the tables are loaded when they are needed
"""`foreroute backtest`: how good forecasts would have been on one's own history, or alarms on labelled series."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from foreroute.cli.options import AsJson, config_path
from foreroute.cli.say import CommandError
from foreroute.cli.series import ConfigOption

_Channel = Annotated[
    str | None, typer.Argument(metavar="CHANNEL", help="Only this one. Default: all.", show_default=False)
]
_Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="METRIC",
        help="Such as first_chunk_p95. Default: what the routes' objectives are about; "
        "with --csv what the file says, or latency_mean.",
    ),
]
_Since = Annotated[str, typer.Option("--since", metavar="DURATION", help="How far back the store is read.")]
_Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        metavar="FILE",
        help="Columns ts, value (and count, series), or what `series export` writes, instead of the store.",
    ),
]
_Horizons = Annotated[
    list[str] | None,
    typer.Option(
        "--horizon",
        metavar="DURATION",
        help="How far ahead; may be given again. Default: forecast.horizons, or 15m and 1h.",
    ),
]
_Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Also write a report that opens without a network."),
]
_Detect = Annotated[
    Path | None,
    typer.Option(
        "--detect",
        metavar="FILE.csv",
        help="Score alarms instead: columns ts, series, value, label (1: an anomaly).",
    ),
]
_FalseAlarms = Annotated[
    float,
    typer.Option(
        "--false-alarms-per-day", min=1e-6, max=1000.0, help="With --detect: wanted, of one series."
    ),
]


def register(app: typer.Typer) -> None:
    app.command("backtest")(backtest)


def backtest(
    channel: _Channel = None,
    metric: _Metric = None,
    since: _Since = "14d",
    file: _Csv = None,
    horizon: _Horizons = None,
    html: _Html = None,
    detect: _Detect = None,
    false_alarms_per_day: _FalseAlarms = 0.05,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Play stored history through the forecaster and score what it would have said, without look-ahead.

    The first 35 % of each series is for learning; every later window is scored beside the last value and three other
    cheap forecasts.
    """
    if detect is not None:
        from foreroute.cli import backtest_detect

        _alone(
            "--detect",
            {"CHANNEL": channel, "--metric": metric, "--csv": file, "--horizon": horizon, "--html": html},
        )
        backtest_detect.detect(detect, false_alarms_per_day=false_alarms_per_day, as_json=as_json)
        return
    from foreroute.cli.backtest_forecast import Wanted, run

    wanted = Wanted(
        channel=channel,
        metric=metric,
        since=since,
        csv=file,
        horizons=tuple(horizon or ()),
        html=html,
        config=config_path(config),
    )
    run(wanted, as_json=as_json)


def _alone(option: str, others: Mapping[str, object]) -> None:
    """Raises CommandError if any of the others was given too."""
    if given := [name for name, value in others.items() if value]:
        raise CommandError(f"goes without {', '.join(given)}", where=option)
