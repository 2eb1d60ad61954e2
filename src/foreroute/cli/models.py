# ruff: noqa: PLC0415 - numpy, the stages and the tables are loaded when they are needed
"""`foreroute train` and `foreroute models`: models that are fitted on the history of all channels, and their versions."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foreroute.cli.exits import ExitCode
from foreroute.cli.options import AsJson, config_path
from foreroute.cli.say import CommandError, print_json

if TYPE_CHECKING:
    from foreroute.core.series import Metric

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The configuration file. Default: foreroute.yaml or configs/foreroute.yaml, whichever is there.",
        show_default=False,
    ),
]
Row = dict[str, Any]


def register(app: typer.Typer) -> None:
    app.command("train")(train)
    verbs = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
    verbs.callback()(models)
    verbs.command("rollback")(rollback)
    app.add_typer(verbs, name="models")


def train(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="KIND",
            help="Only this one, such as lightgbm or lstm. Default: those of forecast.models, or lightgbm.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", metavar="METRIC", help="Only this one. Default: those of the routes' objectives."
        ),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Fit forecast models on the store's history. A new one takes over only when it is better.

    New model and old are scored on the newest part of the history, which neither was fitted on. Exits with 1 when a
    model could not be fitted, such as for want of history. A running server takes a new version up when it retrains or
    starts.
    """
    from foreroute.settings import load_settings

    settings = load_settings(config_path(config))
    from foreroute.app.training import models_path
    from foreroute.app.training import train as run
    from foreroute.cli.model_table import show_trained, trained_row
    from foreroute.clock import SystemClock

    found = asyncio.run(
        run(
            settings,
            at=SystemClock().now(),
            models=model or (),
            metrics=[_metric(name) for name in metric or ()],
            say=lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201 - progress
        )
    )
    rows = [trained_row(one) for one in found]
    if as_json:
        print_json({"folder": str(models_path(settings)), "trained": rows})
    else:
        show_trained(rows)
    if any(one.problem for one in found):
        raise typer.Exit(ExitCode.FAILED)


def models(context: typer.Context, config: Config = None, as_json: AsJson = False) -> None:
    """List the stored forecast models. What each was fitted on, what it was worth, and which one has the vote."""
    if context.invoked_subcommand is not None:
        return
    from foreroute.settings import load_settings

    settings = load_settings(config_path(config))
    from foreroute.app.training import model_folder, models_path
    from foreroute.cli.model_table import show_versions, version_rows

    rows = version_rows(model_folder(settings).all())
    if as_json:
        print_json({"folder": str(models_path(settings)), "models": rows})
    else:
        show_versions(rows, str(models_path(settings)))


def rollback(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="As `foreroute models` lists it.")],
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="As `foreroute models` lists it.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw the version that serves. The one before it has the vote again.

    A running server follows when it retrains or starts.
    """
    from foreroute.settings import load_settings

    settings = load_settings(config_path(config))
    from foreroute.app.training import model_folder
    from foreroute.core.errors import ModelFileError

    try:
        withdrawn, serving = model_folder(settings).rollback(kind, metric)
    except ModelFileError as error:
        raise CommandError(str(error), hint="`foreroute models` lists what there is") from None
    if as_json:
        number = None if serving is None else serving.number
        print_json({"kind": kind, "metric": metric, "withdrawn": withdrawn.number, "serves": number})
        return
    now = "no version serves" if serving is None else f"version {serving.number} has the vote again"
    typer.echo(f"version {withdrawn.number} of {kind} for {metric} is withdrawn; {now}")


def _metric(name: str) -> "Metric":
    from foreroute.core.series import Metric

    try:
        return Metric(name)
    except ValueError:
        known = ", ".join(metric.value for metric in Metric)
        raise CommandError(f"there is no metric {name!r}", where="--metric", hint=f"known: {known}") from None
