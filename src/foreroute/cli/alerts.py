# ruff: noqa: PLC0415 - the HTTP client and the tables are loaded when they are needed
"""`foreroute alerts`: what is open in a running server, and what to do about it. Each change is on record there."""

from enum import StrEnum
from typing import Annotated

import typer

from foreroute.cli import mutes
from foreroute.cli.options import URL, AsJson, Key, Url
from foreroute.cli.say import CommandError, print_json, say_answer

AlertName = Annotated[str, typer.Argument(metavar="ID", help="The alert's id, as `alerts list` shows it.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who, for people.")]


class Word(StrEnum):
    USEFUL = "useful"
    NOISE = "noise"
    UNDO = "undo"


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        invoke_without_command=True, rich_markup_mode=None, help="What is wrong now, and who was told."
    )
    verbs.callback()(bare)
    verbs.command("list")(list_)
    verbs.command("show")(show)
    verbs.command("ack")(ack)
    verbs.command("feedback")(feedback)
    verbs.command("silence")(silence)
    verbs.command("silences")(silences)
    verbs.command("unsilence")(unsilence)
    verbs.command("test")(try_receiver)
    mutes.register(verbs)
    app.add_typer(verbs, name="alerts")


def bare(context: typer.Context, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """What is wrong now, and who was told. Without a verb: the list."""
    if context.invoked_subcommand is None:
        list_(as_json=as_json, url=url, key=key)


def list_(
    state: Annotated[
        str | None,
        typer.Option(
            "--state", metavar="STATE", help="firing, acknowledged, pending, silenced, explained, resolved."
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """List the alerts, the worst first, and the receivers."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("alerts", state=state)
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.alert_view import show_alerts

    show_alerts(answer)


def show(name: AlertName, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Show one alert: what, since when, how bad, what was done, who was told."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("alerts", name)
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.alert_view import show_one

    show_one(answer)


def ack(
    name: AlertName,
    by: By = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take it back: reminders come again.")] = False,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Say that somebody is on it. No more reminders; the end is still told."""
    from foreroute.cli.api import AdminApi, quoted

    answer = AdminApi(url, key).post(f"alerts/{quoted(name)}/ack", by=by, undo=undo)
    say_answer(answer, f"alert {name} is {answer.get('state')}", as_json=as_json)


def feedback(
    name: AlertName,
    word: Annotated[
        Word,
        typer.Argument(
            metavar="useful|noise|undo", help="noise: such a thing must be stranger here to alert next time."
        ),
    ],
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Say whether an alert was worth it. It moves the threshold of its kind on its channel, within bounds."""
    from foreroute.cli.api import AdminApi, quoted

    answer = AdminApi(url, key).post(f"alerts/{quoted(name)}/feedback", vote=word.value)
    factor = answer.get("threshold_factor")
    shown = f"{factor:.2f}" if isinstance(factor, int | float) else "?"
    say_answer(answer, f"noted; the threshold is {shown} times the detector's own now", as_json=as_json)


def silence(
    matchers: Annotated[
        list[str],
        typer.Argument(metavar="MATCHER...", help="All must match: channel=openai-us, kind!=budget."),
    ],
    duration: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long: 30m, 2h, 1d.")] = "1h",
    author: By = "",
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="Why, for people.")] = "",
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Send nothing about alerts that match, for a while. They stay on the dashboard."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).post(
        "silences", matchers=matchers, duration=duration, author=author, comment=comment
    )
    say_answer(answer, f"silence {answer.get('id')} holds for {duration}", as_json=as_json)


def silences(as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """List the silences."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("silences")
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.alert_view import show_silences

    show_silences(answer.get("silences", []))


def unsilence(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="The silence's id, as `alerts silences` shows it.")
    ],
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """End a silence now."""
    from foreroute.cli.api import AdminApi

    say_answer(AdminApi(url, key).delete("silences", name), f"silence {name} has ended", as_json=as_json)


def try_receiver(
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="Its name in the configuration.")],
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Send a test message to a receiver now, and say whether it took it."""
    from foreroute.cli.api import AdminApi, quoted

    answer = AdminApi(url, key, timeout_s=75.0).post(f"receivers/{quoted(receiver)}/test")
    if answer.get("sent") is not True:
        raise CommandError(f"{receiver} did not take the message")
    say_answer(answer, f"{receiver} took the message", as_json=as_json)
