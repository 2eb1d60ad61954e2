# ruff: noqa: PLC0415 - stores and readers are loaded by the verb that needs them
"""`foreroute series`: the stored minutes, hours and days; history in, history out. Works on the store's file itself."""

from pathlib import Path
from typing import Annotated

import typer

from foreroute.cli.options import AsJson, config_path
from foreroute.cli.say import print_json

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The configuration file. Default: foreroute.yaml or configs/foreroute.yaml, whichever is there.",
        show_default=False,
    ),
]
_Metric = Annotated[
    str | None,
    typer.Option("--metric", metavar="METRIC", help="Such as first_chunk_p95, failure_ratio or cost_usd."),
]
_File = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE", help="Comma-separated values, or spend logs with --litellm.", show_default=False
    ),
]
_Channel = Annotated[str | None, typer.Option("--channel", metavar="ID", help="Whose history it is.")]
_Scale = Annotated[
    float,
    typer.Option("--scale", metavar="X", help="Every value times this: 0.001 for ms, 0.01 for per cent."),
]
_LiteLlm = Annotated[
    bool, typer.Option("--litellm", help="FILE is an export of LiteLLM_SpendLogs, as CSV or JSON.")
]
_Match = Annotated[
    list[str] | None,
    typer.Option(
        "--match",
        metavar="NAME=CHANNEL",
        help="With --litellm: rows of this model group, model or api_base are that channel's.",
    ),
]
_Prometheus = Annotated[
    str | None,
    typer.Option("--prometheus", metavar="URL", help="Ask this server instead of reading a file."),
]
_Query = Annotated[
    str | None, typer.Option("--query", metavar="PROMQL", help="What gives the metric as one series.")
]
_ImportSince = Annotated[
    str,
    typer.Option("--since", metavar="DURATION", help="With --prometheus: how far back."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would come of it and store nothing.")]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="The stored minutes of each channel: look, bring in, take out.",
    )
    verbs.command("list")(list_)
    verbs.command("import")(import_)
    verbs.command("export")(export)
    app.add_typer(verbs, name="series")


def list_(config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Say what is stored of whom, and how finely."""
    from foreroute.cli.series_list import listed, show
    from foreroute.settings import load_settings

    rows = listed(load_settings(config_path(config)))
    if as_json:
        print_json({"series": rows})
    else:
        show(rows)


def import_(
    file: _File = None,
    channel: _Channel = None,
    metric: _Metric = None,
    scale: _Scale = 1.0,
    litellm: _LiteLlm = False,
    match: _Match = None,
    prometheus: _Prometheus = None,
    query: _Query = None,
    since: _ImportSince = "14d",
    dry_run: _DryRun = False,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Bring in history, so that forecasts can start from it. Twice changes nothing.

    What a channel has measured itself is never touched. The header for --prometheus comes from
    FOREROUTE_PROMETHEUS_AUTHORIZATION.
    """
    from foreroute.cli.series_import import Wanted, run, show
    from foreroute.settings import load_settings

    settings = load_settings(config_path(config))
    wanted = Wanted(
        file=file,
        channel=channel,
        metric=metric,
        scale=scale,
        litellm=litellm,
        match=tuple(match or ()),
        prometheus=prometheus,
        query=query,
        since=since,
        dry_run=dry_run,
    )
    report = run(settings, wanted)
    if as_json:
        print_json(report.as_dict())
    else:
        show(report)


def export(
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", metavar="ID", help="Only this one; may be given again. Default: all."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="METRIC", help="Only this one; may be given again. Default: all."),
    ] = None,
    since: Annotated[str, typer.Option("--since", metavar="DURATION", help="How far back.")] = "7d",
    resolution: Annotated[
        str,
        typer.Option(
            "--resolution",
            metavar="NAME",
            help="minute (as it is stored), hour or day: merged, not averaged.",
        ),
    ] = "minute",
    form: Annotated[str, typer.Option("--format", metavar="NAME", help="csv or jsonl.")] = "csv",
    segment: Annotated[
        str,
        typer.Option(
            "--segment", metavar="NAME", help="A part of the channels, such as route=chat; see `list`."
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where the result goes. Default: stdout.", show_default=False
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write what is stored as comma-separated values or JSON lines, as it is read. `import` takes the former back."""
    from foreroute.cli.series_export import Wanted, run
    from foreroute.settings import load_settings

    wanted = Wanted(
        channels=tuple(channel or ()),
        metrics=tuple(metric or ()),
        since=since,
        resolution=resolution,
        form=form,
        segment=segment,
    )
    run(load_settings(config_path(config)), wanted, out)
