# ruff: noqa: PLC0415 - the world, the stages and the tables are loaded when they are needed
"""`foreroute simulate`: a day of your gateway in a made-up world, or in one that was learnt from your own history."""

from pathlib import Path
from typing import Annotated

import typer

from foreroute.cli.options import AsJson
from foreroute.cli.say import CommandError
from foreroute.cli.series import ConfigOption

Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Also write a report that opens without a network."),
]
Since = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="DAY",
        help="The day of your history: yesterday, a date such as 2026-03-02, or how long ago, such as 7d.",
    ),
]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        invoke_without_command=True,
        rich_markup_mode=None,
        help=simulate.__doc__,
        callback=simulate,
    )
    verbs.command("calibrate")(calibrate)
    verbs.command("list")(list_)
    app.add_typer(verbs, name="simulate")


def simulate(
    context: typer.Context,
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            metavar="NAME|FILE",
            help="A built-in scenario (`foreroute simulate list`), or a YAML file of your own.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The world's luck. Equal seeds, equal runs.")] = 1,
    lose: Annotated[
        str | None,
        typer.Option(
            "--lose", metavar="REGION", help="Your own channels and traffic, and this region out of reach."
        ),
    ] = None,
    since: Since = "yesterday",
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="DURATION", help="With --lose: after midnight UTC. Default: the busiest hour."
        ),
    ] = None,
    for_: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="With --lose: how long it is lost.")
    ] = "30m",
    length: Annotated[
        str | None,
        typer.Option(
            "--length",
            metavar="DURATION",
            help="Stop after so long, counted from the start of the story. Default: its own, or 24h.",
        ),
    ] = None,
    forecasts: Annotated[
        bool,
        typer.Option("--forecasts/--without-forecasts", help="Whether the control loop hears its forecasts."),
    ] = True,
    html: Html = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Play a scenario with the gateway's own choice and the real control loop, on virtual time.

    Says what users got: failures, times, objective, cost, and every decision on the way.
    """
    if context.invoked_subcommand is not None:
        return
    if (scenario is None) == (lose is None):
        raise CommandError(
            "needs either --scenario or --lose",
            where="simulate",
            hint="foreroute simulate --scenario sudden-stop; `foreroute simulate list` shows all",
        )
    from foreroute.cli import simulate_run

    run = simulate_run.Run(seed=seed, forecasts=forecasts, length=length, html=html, as_json=as_json)
    if scenario is not None:
        simulate_run.play(scenario, run)
    else:
        wanted = simulate_run.Loss(region=str(lose), since=since, at=at, for_=for_)
        simulate_run.lose(wanted, run, config=config)


def calibrate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="CSV files, one request a line: ts, channel, latency_s or first_chunk_s, input_tokens, "
            "output_tokens. Default: your own store.",
            show_default=False,
        ),
    ] = None,
    write: Annotated[
        Path, typer.Option("--write", metavar="FILE", help="Where the world is written.")
    ] = Path("world.yaml"),
    since: Annotated[
        str, typer.Option("--since", metavar="DURATION", help="How far back the store is read.")
    ] = "14d",
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="NAME=COLUMN",
            help="Where a file calls it otherwise, such as --column latency_s=exec_time_seconds; may be given again.",
        ),
    ] = None,
    html: Html = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Learn a world from requests that were real: channels, their daily course and noise, and the traffic.

    The first 70 % of the time is learnt from; the rest is played and compared with what came.
    """
    from foreroute.cli import simulate_calibrate

    wanted = simulate_calibrate.Wanted(
        files=tuple(files or ()), write=write, since=since, columns=tuple(columns or ()), html=html
    )
    simulate_calibrate.run(wanted, config=config, as_json=as_json)


def list_(as_json: AsJson = False) -> None:
    """Say which scenarios and worlds are built in."""
    from foreroute.cli.simulate_run import list_built_in

    list_built_in(as_json=as_json)
