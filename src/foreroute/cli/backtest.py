# ruff: noqa: PLC0415 - numpy, the stages and the tables are loaded when they are needed
"""`foreroute backtest`: how good forecasts would have been on one's own history, or alarms on labelled series."""

from pathlib import Path
from typing import Annotated

import typer

from foreroute.cli.options import AsJson, config_path
from foreroute.cli.say import CommandError


def register(app: typer.Typer) -> None:
    app.command("backtest")(backtest)


def backtest(
    channel: Annotated[
        str | None,
        typer.Argument(metavar="CHANNEL", help="Only this one. Default: all.", show_default=False),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="METRIC",
            help="Such as first_chunk_p95. Default: what the routes' objectives are about; "
            "with --csv what the file says, or latency_mean.",
        ),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="DURATION", help="How far back the store is read.")
    ] = "14d",
    file: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Columns ts, value (and count, series), or what `series export` writes, instead of the store.",
        ),
    ] = None,
    horizon: Annotated[
        list[str] | None,
        typer.Option(
            "--horizon",
            metavar="DURATION",
            help="How far ahead; may be given again. Default: forecast.horizons, or 15m and 1h.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write a report that opens without a network."),
    ] = None,
    detect: Annotated[
        Path | None,
        typer.Option(
            "--detect",
            metavar="FILE.csv",
            help="Score alarms instead: columns ts, series, value, label (1: an anomaly).",
        ),
    ] = None,
    false_alarms_per_day: Annotated[
        float,
        typer.Option(
            "--false-alarms-per-day", min=1e-6, max=1000.0, help="With --detect: wanted, of one series."
        ),
    ] = 0.05,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="The configuration file. Default: foreroute.yaml or configs/foreroute.yaml, whichever is there.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play stored history through the forecaster and score what it would have said, without look-ahead.

    The first 35 % of each series is for learning; every later window is scored beside the last value and three other
    cheap forecasts.
    """
    if detect is not None:
        given = {"CHANNEL": channel, "--metric": metric, "--csv": file, "--horizon": horizon, "--html": html}
        if others := [name for name, value in given.items() if value]:
            raise CommandError(f"goes without {', '.join(others)}", where="--detect")
        from foreroute.cli import backtest_detect

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
