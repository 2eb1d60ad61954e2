# ruff: noqa: PLC0415 - each verb loads what it needs when it runs
"""Verbs that look and change nothing."""

from typing import Annotated

import typer

from foreroute import __version__
from foreroute.cli.exits import ExitCode
from foreroute.cli.options import URL, AsJson, ConfigFile, Key, Url, config_path
from foreroute.cli.say import print_json, report


def register(app: typer.Typer) -> None:
    app.command("check")(check)
    app.command("status")(status)
    app.command("explain")(explain)
    app.command("forecast")(forecast)
    config = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at the configuration.")
    config.command("show")(config_show)
    config.command("schema")(config_schema)
    app.add_typer(config, name="config")
    app.command("version")(version)


def check(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Check a configuration, offline. Says what it comes to, and what in it may surprise."""
    from foreroute.settings import load_settings

    path = config_path(config)
    settings = load_settings(path)
    # What follows loads the stages: a file that is wrong is refused before that.
    from foreroute.cli.check import examine, show

    found = examine(settings, str(path))
    if as_json:
        print_json(found.as_dict())
    else:
        show(found)


def status(
    as_json: AsJson = False,
    fail_on_budget: Annotated[
        bool, typer.Option("--fail-on-budget", help="Exit with 5 when a budget is spent.")
    ] = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Say how a running server is.

    Exits with 4 when nobody answers, the control loop is dead, or a route has no channel left that works.
    """
    from foreroute.cli.api import AdminApi, UnreachableError
    from foreroute.cli.status import exit_code, show

    try:
        answer = AdminApi(url, key).get("status")
    except UnreachableError as error:
        report(error, as_json=as_json)
        raise typer.Exit(ExitCode.UNHEALTHY) from None
    if as_json:
        print_json(answer)
    else:
        show(answer)
    raise typer.Exit(exit_code(answer, fail_on_budget=fail_on_budget))


def explain(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="The `x-request-id` of an answer.")],
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Say what became of one request. Its attempts, and the decision that sent it there."""
    from foreroute.cli.api import AdminApi
    from foreroute.cli.explain import show

    answer = AdminApi(url, key).get("requests", request_id)
    if as_json:
        print_json(answer)
    else:
        show(answer)


def forecast(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's id.")],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", help="Only this one, such as first_chunk_p95 or failure_ratio.", metavar="METRIC"
        ),
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option("--horizon", help="How far ahead: 5m, 1h. Default: 15m and 1h.", metavar="DURATION"),
    ] = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Instead: what was said over the last days, beside what came."),
    ] = False,
    since: Annotated[
        str, typer.Option("--since", help="With --record: how far back, 7d at most.", metavar="DURATION")
    ] = "24h",
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Say what is expected of a channel. How sure that is, and how good such forecasts were so far."""
    from foreroute.cli.api import AdminApi

    if record:
        from foreroute.cli.forecast_record import show as show_record
        from foreroute.cli.series_store import duration_of

        since_s = f"{duration_of(since, '--since'):.0f}"
        told = AdminApi(url, key).get("forecasts", "record", channel=channel, metric=metric, since_s=since_s)
        print_json(told) if as_json else show_record(told)
        return
    from foreroute.cli.forecast import horizons, show, with_horizon

    wanted = horizons(horizon)
    answer = AdminApi(url, key).get("forecasts", channel=channel, metric=metric)
    found = with_horizon(answer, channel, wanted)
    if as_json:
        print_json(found)
    else:
        show(found)


def config_show(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Print all that is in force, defaults included. Secrets are masked."""
    from foreroute.settings import load_settings
    from foreroute.settings.redact import shown

    settings = shown(load_settings(config_path(config)))
    if as_json:
        print_json(settings)
        return
    import yaml

    typer.echo(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=110), nl=False)


def config_schema(as_json: AsJson = False) -> None:
    """Print the JSON schema of the configuration file, for editors."""
    from foreroute.settings.schema import settings_schema

    if as_json:
        print_json(settings_schema())
        return
    import json

    typer.echo(json.dumps(settings_schema(), indent=2, ensure_ascii=False))


def version(as_json: AsJson = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": __version__})
    else:
        typer.echo(f"foreroute {__version__}")
