# ruff: noqa: PLC0415 - the engine, the HTTP client and the tables are loaded when they are needed
"""`foreroute playbook`: what playbooks there are, what each would do, what they have done, and the yes that one waits for."""

from pathlib import Path
from typing import Annotated, Any

import typer

from foreroute.cli.options import URL, AsJson, ConfigFile, Key, Url
from foreroute.cli.say import print_json
from foreroute.core.errors import ForerouteError

Named = Annotated[
    str, typer.Argument(metavar="RUN", help="Its id, as `foreroute playbook history` lists it.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Goes on record.")]
Who = Annotated[
    str, typer.Option("--as", metavar="NAME", envvar="FOREROUTE_ACTOR", help="Who says it; goes on record.")
]
OwnFile = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="A playbook file, in the place of the configuration's."),
]
_SOMEBODY = "the command line"


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        rich_markup_mode=None, no_args_is_help=True, help="Recovery playbooks: what is done about trouble."
    )
    verbs.command("list")(list_playbooks)
    verbs.command("test")(rehearse)
    verbs.command("run")(run)
    verbs.command("history")(history)
    verbs.command("approve")(approve)
    verbs.command("reject")(reject)
    app.add_typer(verbs, name="playbook")


def list_playbooks(config: ConfigFile = None, file: OwnFile = None, as_json: AsJson = False) -> None:
    """List the playbooks of a configuration, in the order in which they are asked. Needs no running server."""
    from foreroute.cli.playbook_view import show_playbooks
    from foreroute.heal.playbooks.view import playbook_row

    found = sorted(_playbooks(config, file), key=lambda one: (-one.priority, one.name))
    if as_json:
        print_json({"playbooks": [playbook_row(one) for one in found]})
    else:
        show_playbooks(found)


def rehearse(
    playbook: Annotated[
        str | None, typer.Option("--playbook", metavar="NAME", help="Only this one.", show_default=False)
    ] = None,
    config: ConfigFile = None,
    file: OwnFile = None,
    as_json: AsJson = False,
) -> None:
    """Rehearse playbooks on the configuration's channels, in a made-up trouble. Calls nobody.

    Each runs twice: where it helps, it must be verified; where it makes things worse, it must be rolled back. The exit
    code is 1 when one does neither, or cannot begin.
    """
    from foreroute.cli.playbook_test import rehearsed, verdict_of
    from foreroute.cli.playbook_view import show_rehearsals

    found = rehearsed(_playbooks(config, file), _settings(config), playbook)
    if as_json:
        print_json({"playbooks": found})
    else:
        show_rehearsals(found)
    if wrong := [row["playbook"] for row in found if not verdict_of(row)]:
        raise ForerouteError(f"{', '.join(wrong)}: neither verified nor rolled back as it should be")


def run(
    playbook: Annotated[str, typer.Argument(metavar="PLAYBOOK", help="Its name.")],
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="What it treats: channel:NAME, region:CLOUD/NAME, provider:NAME, model:PROVIDER/NAME or gateway.",
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would do, to which part of the traffic.")
    ] = False,
    reason: Reason = "",
    actor: Who = _SOMEBODY,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Run a playbook now, on a running server. It is verified and rolled back like any other run."""
    from foreroute.cli.api import AdminApi, quoted

    answer = AdminApi(url, key).post(
        f"playbooks/{quoted(playbook)}/run", scope=scope, dry_run=dry_run, reason=reason, actor=actor
    )
    _show(answer, as_json=as_json)


def history(
    playbook: Annotated[
        str | None, typer.Option("--playbook", metavar="NAME", help="Only its runs.", show_default=False)
    ] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for a yes.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 20,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Show the newest runs of a running server: why each began, what it did, and how it ended."""
    from foreroute.cli.api import AdminApi
    from foreroute.cli.playbook_view import show_runs

    answer = AdminApi(url, key).get(
        "playbook-runs", playbook=playbook, state="waiting" if waiting else None, limit=str(limit)
    )
    if as_json:
        print_json(answer)
    else:
        show_runs(answer["runs"])


def approve(
    run: Named, actor: Who = _SOMEBODY, as_json: AsJson = False, url: Url = URL, key: Key = None
) -> None:
    """Say yes to a run that waits."""
    _answer(url, key, run, "approve", actor, "", as_json=as_json)


def reject(
    run: Named,
    reason: Reason = "",
    actor: Who = _SOMEBODY,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Say no to a run that waits; undo one that is under way or still holds something."""
    _answer(url, key, run, "reject", actor, reason, as_json=as_json)


def _answer(
    url: str, key: str | None, run: str, said: str, actor: str, reason: str, *, as_json: bool
) -> None:
    from foreroute.cli.api import AdminApi, quoted

    answer = AdminApi(url, key).post(f"playbook-runs/{quoted(run)}", answer=said, actor=actor, reason=reason)
    _show(answer, as_json=as_json)


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    from foreroute.cli.playbook_view import show_run

    if as_json:
        print_json(answer)
    else:
        show_run(answer["run"])


def _settings(config: Path | None) -> Any:
    from foreroute.cli.options import config_path
    from foreroute.settings import load_settings

    return load_settings(config_path(config))


def _playbooks(config: Path | None, file: Path | None) -> Any:
    from foreroute.app.playbooks import playbooks_of
    from foreroute.heal.playbooks.document import load_playbooks

    return load_playbooks(file) if file is not None else playbooks_of(_settings(config))
