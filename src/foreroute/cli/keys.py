# ruff: noqa: PLC0415 - the HTTP client and the tables are loaded when they are needed
"""`foreroute keys`: virtual keys of a running server. Each change takes effect at once and is on record there."""

import sys
from typing import Annotated, Any

import typer

from foreroute.cli.key_options import (
    Budgets,
    Expires,
    KeyClear,
    Models,
    Parallel,
    Regions,
    Rpm,
    SoftBudgets,
    Tags,
    Tpm,
    Unpriced,
    cleared,
    given,
    limits_of,
)
from foreroute.cli.options import URL, AsJson, Key, Url
from foreroute.cli.say import CommandError, print_json, say_answer

Row = dict[str, Any]
KeyName = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Keys for your clients, with limits and budgets."
    )
    verbs.command("create")(create)
    verbs.command("list")(list_)
    verbs.command("show")(show)
    verbs.command("update")(update)
    verbs.command("disable")(disable)
    verbs.command("enable")(enable)
    verbs.command("rotate")(rotate)
    verbs.command("delete")(delete)
    app.add_typer(verbs, name="keys")


def create(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Whose it is, for people.")],
    models: Models = None,
    rpm: Rpm = None,
    tpm: Tpm = None,
    parallel: Parallel = None,
    budget: Budgets = None,
    soft_budget: SoftBudgets = None,
    unpriced: Unpriced = None,
    team: Annotated[
        str | None,
        typer.Option("--team", metavar="ID", help="A team, whose limits hold too. It stays there."),
    ] = None,
    expires: Expires = None,
    tag: Tags = None,
    region: Regions = None,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Make a key. It is printed once, alone on stdout, and kept nowhere."""
    from foreroute.cli.api import AdminApi

    limits = limits_of(rpm, tpm, parallel, budget, soft_budget, unpriced)
    fields = given(
        name=name,
        models=models or None,
        team=team,
        expires_in=expires,
        tags=tag or None,
        regions=region or None,
        limits=limits or None,
    )
    _hand_over(AdminApi(url, key).post("keys", **fields), as_json=as_json)


def list_(
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that are deleted too.")] = False,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """List the keys, with what they have spent."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("keys", deleted="true" if deleted else None)
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.key_view import show_keys

    show_keys(answer.get("keys", []))


def show(name: KeyName, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Show one key."""
    from foreroute.cli.api import AdminApi

    _show(AdminApi(url, key).get("keys", name), as_json=as_json)


def update(
    name: KeyName,
    new_name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="A new name.")] = None,
    models: Models = None,
    rpm: Rpm = None,
    tpm: Tpm = None,
    parallel: Parallel = None,
    budget: Budgets = None,
    soft_budget: SoftBudgets = None,
    unpriced: Unpriced = None,
    expires: Expires = None,
    tag: Tags = None,
    region: Regions = None,
    clear: Annotated[
        list[KeyClear] | None,
        typer.Option("--clear", help="Take a limit away, or make it hold for all models. Repeatable."),
    ] = None,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Change a key. What is not given stays; budgets, models, tags and regions that are given replace all there were."""
    from foreroute.cli.api import AdminApi

    fields, limits = cleared(clear)
    limits |= limits_of(rpm, tpm, parallel, budget, soft_budget, unpriced)
    fields |= given(
        name=new_name,
        models=models or None,
        expires_in=expires,
        tags=tag or None,
        regions=region or None,
        limits=limits or None,
    )
    if "expires_in" in fields:
        fields.pop("expires_at", None)
    if not fields:
        raise CommandError(
            "nothing is to be changed", hint="for example: --rpm 60, --budget 10/day, --clear rpm"
        )
    _show(AdminApi(url, key).patch("keys", name, **fields), as_json=as_json)


def disable(name: KeyName, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Let a key open nothing until it is enabled again."""
    _switch(name, as_json=as_json, url=url, key=key, disabled=True)


def enable(name: KeyName, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Let a disabled key work again."""
    _switch(name, as_json=as_json, url=url, key=key, disabled=False)


def rotate(name: KeyName, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Give a key a new secret. The old one ends at once; the new one is printed once, alone on stdout."""
    from foreroute.cli.api import AdminApi, quoted

    _hand_over(AdminApi(url, key).post(f"keys/{quoted(name)}/rotate"), as_json=as_json)


def delete(name: KeyName, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Delete a key for good. What it has spent stays on record."""
    from foreroute.cli.api import AdminApi

    say_answer(AdminApi(url, key).delete("keys", name), f"key {name} is deleted", as_json=as_json)


def _switch(name: str, *, as_json: bool, url: str, key: str | None, disabled: bool) -> None:
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).patch("keys", name, disabled=disabled)
    say_answer(answer, f"key {name} is {'disabled' if disabled else 'enabled'}", as_json=as_json)


def _hand_over(answer: Row, *, as_json: bool) -> None:
    """The key alone on stdout, so that it can be piped into where it belongs."""
    if as_json:
        print_json(answer)
        return
    typer.echo(answer.get("key"))
    sys.stderr.write(
        f"key {answer.get('id')} ({answer.get('name')}): keep it now, it cannot be shown again\n"
    )


def _show(answer: Row, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.key_view import show_one

    show_one(answer)
