# ruff: noqa: PLC0415 - the HTTP client and the tables are loaded when they are needed
"""`foreroute teams`: several keys under common limits."""

from typing import Annotated, Any

import typer

from foreroute.cli.key_options import (
    Budgets,
    Models,
    Parallel,
    Regions,
    Rpm,
    SoftBudgets,
    TeamClear,
    Tpm,
    Unpriced,
    cleared,
    given,
    limits_of,
)
from foreroute.cli.options import URL, AsJson, Key, Url
from foreroute.cli.say import CommandError, print_json

Row = dict[str, Any]
TeamName = Annotated[str, typer.Argument(metavar="ID", help="The team's id, as `teams list` shows it.")]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Several keys under common limits.")
    verbs.command("create")(create)
    verbs.command("list")(list_)
    verbs.command("show")(show)
    verbs.command("update")(update)
    verbs.command("delete")(delete)
    app.add_typer(verbs, name="teams")


def create(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What it is called.")],
    models: Models = None,
    region: Regions = None,
    rpm: Rpm = None,
    tpm: Tpm = None,
    parallel: Parallel = None,
    budget: Budgets = None,
    soft_budget: SoftBudgets = None,
    unpriced: Unpriced = None,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Make a team. Its id is printed alone on stdout."""
    from foreroute.cli.api import AdminApi

    limits = limits_of(rpm, tpm, parallel, budget, soft_budget, unpriced)
    answer = AdminApi(url, key).post(
        "teams", **given(name=name, models=models or None, regions=region or None, limits=limits or None)
    )
    if as_json:
        print_json(answer)
    else:
        typer.echo(answer.get("id"))


def list_(
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that are deleted too.")] = False,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """List the teams, with what their keys have spent."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("teams", deleted="true" if deleted else None)
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.key_view import show_teams

    show_teams(answer.get("teams", []))


def show(name: TeamName, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Show one team."""
    from foreroute.cli.api import AdminApi

    _show(AdminApi(url, key).get("teams", name), as_json=as_json)


def update(
    name: TeamName,
    new_name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="A new name.")] = None,
    models: Models = None,
    region: Regions = None,
    rpm: Rpm = None,
    tpm: Tpm = None,
    parallel: Parallel = None,
    budget: Budgets = None,
    soft_budget: SoftBudgets = None,
    unpriced: Unpriced = None,
    clear: Annotated[
        list[TeamClear] | None,
        typer.Option("--clear", help="Take a limit away, or make it hold for all models. Repeatable."),
    ] = None,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Change a team. What is not given stays; budgets, models and regions that are given replace all there were."""
    from foreroute.cli.api import AdminApi

    fields, limits = cleared(clear)
    limits |= limits_of(rpm, tpm, parallel, budget, soft_budget, unpriced)
    fields |= given(name=new_name, models=models or None, regions=region or None, limits=limits or None)
    if not fields:
        raise CommandError(
            "nothing is to be changed", hint="for example: --rpm 60, --budget 10/day, --clear rpm"
        )
    _show(AdminApi(url, key).patch("teams", name, **fields), as_json=as_json)


def delete(name: TeamName, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Delete a team that has no keys left."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).delete("teams", name)
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"team {name} is deleted")


def _show(answer: Row, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.key_view import show_one

    show_one(answer)
