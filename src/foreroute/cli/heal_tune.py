# ruff: noqa: PLC0415 - the HTTP client and the tables are loaded when they are needed
"""`foreroute heal tune`: what is tuned, what is wanted and why, and how to take it back."""

from typing import Annotated

import typer

from foreroute.cli.options import URL, AsJson, Key, Url
from foreroute.cli.say import CommandError, print_json

_PAIR = "CHANNEL PARAMETER"


def tune(
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say also why, on which evidence, what bounds it, and what was done."),
    ] = False,
    channel: Annotated[
        str | None,
        typer.Option("--channel", metavar="CHANNEL", help="Only this one; `*`: the whole gateway."),
    ] = None,
    reset: Annotated[
        tuple[str, str] | None,
        typer.Option("--reset", metavar=_PAIR, help="As configured, at once; then left alone for a while."),
    ] = None,
    approve: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--approve", metavar=_PAIR, help="Begin what is proposed, though the stage only suggests."
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Goes on record.")] = "",
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Show what a running server has tuned: timeouts, concurrency, admission, breakers, retries.

    How far it may go by itself is a stage: `foreroute rollout show`.
    """
    from foreroute.cli.api import AdminApi

    if reset is not None and approve is not None:
        raise CommandError("give either --reset or --approve", where="heal tune")
    api = AdminApi(url, key)
    asked, said = (reset, "reset") if reset is not None else (approve, "approve")
    if asked is None:
        answer = api.get("tuning", channel=channel)
        if as_json:
            print_json(answer)
            return
        from foreroute.cli.tune_view import show

        show(answer, explain=explain)
        return
    from foreroute.cli.api import quoted

    path = f"tuning/{quoted(asked[0])}/{quoted(asked[1])}"
    answer = api.post(path, do=said, reason=reason)
    if as_json:
        print_json(answer)
    else:
        done = "is as configured again" if said == "reset" else "begins at the next look"
        typer.echo(f"{asked[1]} of {asked[0]} {done}")
