# ruff: noqa: PLC0415 - the HTTP client and the tables are loaded when they are needed
"""`foreroute incidents`: what happened, how long it took, what was done, and what people have to add."""

from typing import Annotated

import typer

from foreroute.cli.options import URL, AsJson, Key, Url
from foreroute.cli.say import print_json, say_answer

IncidentName = Annotated[
    str, typer.Argument(metavar="ID", help="The incident's id, as `incidents list` shows it.")
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who, for people.")]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        invoke_without_command=True,
        rich_markup_mode=None,
        help="What happened, from the first bad attempt to the verified end.",
    )
    verbs.callback()(bare)
    verbs.command("list")(list_)
    verbs.command("show")(show)
    verbs.command("note")(note)
    verbs.command("close")(close)
    app.add_typer(verbs, name="incidents")


def bare(context: typer.Context, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """What happened, from the first bad attempt to the verified end. Without a verb: the list."""
    if context.invoked_subcommand is None:
        list_(as_json=as_json, url=url, key=key)


def list_(
    open_only: Annotated[bool, typer.Option("--open", help="Those alone that are not over.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="At most so many.")] = 50,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """List the incidents, the newest first, and the time to recover over the last thirty days."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("incidents", state="open" if open_only else None, limit=str(limit))
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.incident_view import show_list

    show_list(answer)


def show(name: IncidentName, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Tell one incident: its phases, its cause, what was done, what users felt, how to undo."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("incidents", name)
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.incident_view import show_one

    show_one(answer)


def note(
    name: IncidentName,
    words: Annotated[str, typer.Argument(metavar="TEXT", help="One line, for people.")],
    by: By = "",
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Add a note to an incident, such as what the provider says. It stays with it."""
    from foreroute.cli.api import AdminApi, quoted

    answer = AdminApi(url, key).post(f"incidents/{quoted(name)}/notes", text=words, by=by)
    say_answer(answer, f"noted on {name}", as_json=as_json)


def close(name: IncidentName, by: By = "", as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Call an incident over. What is closed already stays as it is; trouble that goes on opens a new one."""
    from foreroute.cli.api import AdminApi, quoted

    answer = AdminApi(url, key).post(f"incidents/{quoted(name)}/close", by=by)
    say_answer(answer, f"{name} is closed", as_json=as_json)
