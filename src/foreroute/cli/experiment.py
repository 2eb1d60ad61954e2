# ruff: noqa: PLC0415 - the HTTP client and the tables are loaded when they are needed
"""`foreroute experiment`: which of several ways is better, on a running server. Each change is on record there."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from foreroute.cli.options import URL, AsJson, Key, Url
from foreroute.cli.say import CommandError, print_json

_FILE_BYTES_MAX: Final = 100_000
Name = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The experiment's id, or a run's: `faster` is the newest of `faster.1`, …"
    ),
]
ArmName = Annotated[
    str | None,
    typer.Option("--arm", metavar="ARM", help="Which one. Default: the one that was found to be better."),
]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Compare ways of serving on real requests."
    )
    verbs.command("list")(list_)
    verbs.command("show")(show)
    verbs.command("size")(size)
    verbs.command("start")(start)
    verbs.command("stop")(stop)
    verbs.command("promote")(promote)
    verbs.command("revert")(revert)
    verbs.command("score")(score)
    verbs.command("history")(history)
    app.add_typer(verbs, name="experiment")


def list_(as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """List what is defined and what runs."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("experiments")
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.experiment_view import show_list

    show_list(answer)


def show(name: Name, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Show one run: arms, effects with their intervals, guardrails, and the verdict in words."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("experiments", name)
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.experiment_view import show_one

    show_one(answer)


def size(name: Name, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Estimate how many requests it is likely to need, from those of the last week."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key, timeout_s=30.0).get("experiments", name, "size")
    if as_json:
        print_json(answer)
        return
    from foreroute.cli.experiment_view import show_size

    show_size(answer)


def start(
    name: Annotated[
        str | None, typer.Argument(metavar="ID", help="What is defined on the server.", show_default=False)
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="YAML of one experiment, which is defined first."),
    ] = None,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Start a run. It takes effect within seconds."""
    from foreroute.cli.api import AdminApi

    if (name is None) is (file is None):
        raise CommandError(
            "say what to start: an ID or --file", hint="for example: foreroute experiment start faster"
        )
    api = AdminApi(url, key, timeout_s=30.0)
    if file is not None:
        defined = api.post("experiments", **_read(file))
        name = str(defined["definition"]["id"])
    answer = api.post(f"experiments/{_plain(str(name))}/start")
    run = answer["run"]
    _say(answer, f"{run['run']} runs; about {run['planned']:.0f} units an arm are planned", as_json=as_json)


def stop(name: Name, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Stop a run now. What was found stays."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).post(f"experiments/{_plain(name)}/stop")
    _say(answer, f"{answer['run']['run']} is stopped", as_json=as_json)


def promote(
    name: Name,
    arm: ArmName = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also an arm that was not found to be better.")
    ] = False,
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Serve everybody as an arm does, until `revert` or `undo`. Says what to write into the configuration file."""
    from foreroute.cli.api import AdminApi

    chosen: dict[str, Any] = {} if arm is None else {"arm": arm}
    answer = AdminApi(url, key).post(f"experiments/{_plain(name)}/promote", force=force, **chosen)
    run = answer["run"]
    words = f"{run['promoted']} of {run['run']} serves everybody. To keep it, write into the file:\n"
    _say(answer, f"{words}{run['config_patch']}", as_json=as_json)


def revert(name: Name, as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """Take a promotion back."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).post(f"experiments/{_plain(name)}/revert")
    _say(answer, f"the promotion of {answer['run']['run']} is taken back", as_json=as_json)


def score(
    name: Name,
    request_id: Annotated[str, typer.Argument(metavar="REQUEST", help="The x-request-id of the answer.")],
    value: Annotated[float, typer.Argument(metavar="SCORE", help="Higher is better.")],
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Score an answer. The same score again changes nothing."""
    from foreroute.cli.api import AdminApi

    path = f"experiments/{_plain(name)}/scores"
    answer = AdminApi(url, key).post(path, request_id=request_id, score=value)
    words = "counted" if answer["new"] else "was counted already"
    _say(answer, f"{value:g} for {answer['arm']} of {answer['run']} {words}", as_json=as_json)


def history(as_json: AsJson = False, url: Url = URL, key: Key = None) -> None:
    """List the runs that are over, and what they found."""
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("experiments")
    over = {"runs": [run for run in answer["runs"] if run["state"] != "running"]}
    if as_json:
        print_json(over)
        return
    from foreroute.cli.experiment_view import show_history

    show_history(over["runs"])


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        with path.open(encoding="utf-8") as file:
            found = yaml.safe_load(file.read(_FILE_BYTES_MAX))
    except OSError as error:
        raise CommandError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"is not YAML: {' '.join(str(error).split())[:200]}", where=str(path)) from None
    if not isinstance(found, dict):
        hint = "as in the list `experiments` of the configuration: id, routes, arms"
        raise CommandError("is not one experiment", where=str(path), hint=hint)
    return found


def _say(answer: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        typer.echo(words)


def _plain(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
