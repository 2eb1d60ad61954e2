# ruff: noqa: PLC0415 - the HTTP client and the tables are loaded when they are needed
"""`foreroute rollout`: how far each capability may go, what it has shown, and what waits for a yes."""

from typing import Annotated, Any

import typer

from foreroute.cli.options import URL, AsJson, Key, Url
from foreroute.cli.say import print_json
from foreroute.core.decision import Capability

Which = Annotated[
    Capability, typer.Argument(metavar="CAPABILITY", help="routing, budget, optimum, tuning or playbooks.")
]
Named = Annotated[
    str, typer.Argument(metavar="SUGGESTION", help="Its name, as `foreroute rollout show` lists it.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Goes on record.")]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        rich_markup_mode=None, no_args_is_help=True, help="How far each capability may go by itself."
    )
    verbs.command("show")(show)
    verbs.command("raise")(raise_stage)
    verbs.command("lower")(lower)
    verbs.command("approve")(approve)
    verbs.command("dismiss")(dismiss)
    app.add_typer(verbs, name="rollout")


def show(as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Say where each capability stands. What its moves were worth, what is missing for the next stage, what waits."""
    from foreroute.cli.api import AdminApi
    from foreroute.cli.rollout_view import show as view

    answer = AdminApi(url, key).get("rollout")
    if as_json:
        print_json(answer)
    else:
        view(answer)


def raise_stage(
    capability: Which,
    force: Annotated[
        bool, typer.Option("--force", help="Though it has not shown enough; needs --reason.")
    ] = False,
    reason: Reason = "",
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Let a capability go one stage farther: observe, suggest, act. Refused until it has shown enough."""
    _move(url, key, as_json=as_json, capability=capability.value, move="raise", force=force, reason=reason)


def lower(
    capability: Which, reason: Reason = "", as_json: AsJson = False, url: Url = URL, key: Key = None
) -> None:
    """Take a capability one stage back. What it has moved returns, a bounded step at a time."""
    _move(url, key, as_json=as_json, capability=capability.value, move="lower", reason=reason)


def approve(suggestion: Named, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Do what is suggested, now and for as long as its trouble lasts."""
    _answer(url, key, suggestion, "approve", as_json=as_json)


def dismiss(suggestion: Named, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Not this time. It does not come again before its trouble has gone."""
    _answer(url, key, suggestion, "dismiss", as_json=as_json)


def _move(url: str, key: str | None, *, as_json: bool, **body: Any) -> None:
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).post("rollout", **body)
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"{answer.get('capability')}: {answer.get('stage')}")


def _answer(url: str, key: str | None, name: str, said: str, *, as_json: bool) -> None:
    from urllib.parse import quote

    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).post(f"suggestions/{quote(name, safe='')}", answer=said)
    if as_json:
        print_json(answer)
    else:
        typer.echo("it is being done" if said == "approve" else "it is dismissed")
