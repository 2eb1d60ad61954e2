# ruff: noqa: PLC0415 - the HTTP client and the tables are loaded when they are needed
"""`foreroute alerts mute`, `deploy`, `mutes`, `unmute`: times in which a channel is expected to be strange."""

from typing import Annotated

import typer

from foreroute.cli.options import URL, AsJson, Key, Url
from foreroute.cli.say import print_json, say_answer

Channel = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="The channel's id; * stands for anything: 'azure-*'.")
]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="Why, for people.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who, for people.")]


def register(verbs: typer.Typer) -> None:
    verbs.command("mute")(mute)
    verbs.command("deploy")(deploy)
    verbs.command("mutes")(mutes)
    verbs.command("unmute")(unmute)


def mute(
    channel: Channel,
    duration: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long: 30m, 2h, 1d.")] = "1h",
    because: Because = "",
    by: By = "",
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Find nothing strange in a channel for a while, and learn nothing from it: maintenance."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).post(
        "mutes", channel=channel, duration=duration, because=because, author=by, reason="maintenance"
    )
    say_answer(answer, f"mute {answer.get('id')} of {channel} holds for {duration}", as_json=as_json)


def deploy(
    channel: Channel,
    duration: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long until it has settled.")
    ] = "10m",
    because: Because = "",
    by: By = "",
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Mark a deploy that begins now: nothing is strange until it has settled, then the new level is learnt."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).post(
        "mutes", channel=channel, duration=duration, because=because, author=by, reason="deploy"
    )
    say_answer(answer, f"deploy {answer.get('id')} of {channel} is marked for {duration}", as_json=as_json)


def mutes(as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """List the mutes: those that hold and those to come, deploys and maintenance of the settings too."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("mutes")
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.alert_view import show_mutes

    show_mutes(answer.get("mutes", []))


def unmute(
    name: Annotated[str, typer.Argument(metavar="ID", help="The mute's id, as `alerts mutes` shows it.")],
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """End a mute or a deploy now. What is usual is learnt anew for five minutes before anything is said."""
    from foreroute.cli.api import AdminApi

    say_answer(AdminApi(url, key).delete("mutes", name), f"mute {name} has ended", as_json=as_json)
