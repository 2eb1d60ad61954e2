# ruff: noqa: PLC0415 - the HTTP client is loaded when it is needed
"""Verbs that change what a running server does. Each takes effect at once and is on record there."""

from enum import StrEnum
from typing import Annotated

import typer

from foreroute.cli.options import URL, AsJson, Key, Url
from foreroute.cli.say import CommandError, say_answer
from foreroute.core.decision import Autopilot


class Switch(StrEnum):
    ON = "on"
    OFF = "off"


def register(app: typer.Typer) -> None:
    app.command("autopilot")(autopilot)
    app.command("kill-switch")(kill_switch)
    app.command("undo")(undo)
    app.command("reload")(reload)


def autopilot(
    mode: Annotated[
        Autopilot | None,
        typer.Argument(
            help="observe: record only; suggest: propose; act: do it within the guardrails.",
            metavar="observe|suggest|act",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Though not enough has been shown yet; needs --reason.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Goes on record.")] = "",
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Say or set how far the loop may go, all its capabilities at once. Without an argument it says how far that is.

    Farther than the configuration says only after enough graded moves: `foreroute rollout show`.
    """
    from foreroute.cli.api import AdminApi

    api = AdminApi(url, key)
    if mode is None:
        answer = {"autopilot": api.get("status").get("autopilot")}
        say_answer(answer, f"autopilot: {answer['autopilot']}", as_json=as_json)
    else:
        forced = {"force": True, "reason": reason} if force else {}
        say_answer(
            api.post("autopilot", mode=mode.value, **forced), f"autopilot: {mode.value}", as_json=as_json
        )


def reload(as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Read the configuration file again now. A wrong one is refused, and the last good one serves on."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).post("reload")
    kept = answer.get("needs_restart") or []
    sentence = str(answer.get("message"))
    if kept:
        sentence += f"; only a restart will change: {', '.join(kept)}"
    say_answer(answer, sentence, as_json=as_json)


def kill_switch(
    position: Annotated[
        Switch,
        typer.Argument(metavar="on|off", help="on: the configured weights serve, whatever is forecast."),
    ],
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Hold the configured weights, or let go. Takes effect at once."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).post("kill-switch", on=position is Switch.ON)
    held = "the configured weights serve" if position is Switch.ON else "the control loop may steer again"
    say_answer(answer, f"kill switch: {position.value}, {held}", as_json=as_json)


def undo(as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Take the newest decision back. Its channels are then left alone for a while."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).post("undo")
    if answer.get("undone") is False:
        raise CommandError(
            "there is nothing to undo", hint="no decision was applied since the server started"
        )
    say_answer(answer, "the newest decision is undone", as_json=as_json)
