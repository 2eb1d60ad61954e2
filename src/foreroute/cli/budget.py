# ruff: noqa: PLC0415 - each verb loads what it needs when it runs
"""`foreroute budget`: every budget, what is spent of it and where it is heading; and budgets set without a new file."""

from typing import Annotated

import typer

from foreroute.cli.budget_options import (
    Alert,
    AtLimit,
    ForecastAlert,
    Hard,
    Limit,
    Of,
    Pace,
    Queue,
    Scope,
    TimeZone,
    Unpriced,
    Window,
)
from foreroute.cli.options import AsJson, Key
from foreroute.cli.say import CommandError, print_json, say_answer
from foreroute.cli.series import ConfigOption

BudgetName = Annotated[str, typer.Argument(metavar="NAME", help="The budget's name.")]
By = Annotated[
    str | None, typer.Option("--by", metavar="WHO", help="Who wants it, for the record. Default: you.")
]
ServerUrl = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="FOREROUTE_URL",
        metavar="URL",
        help="The dashboard's address. Default: that of the configuration.",
    ),
]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Budgets of the house, of teams and of keys: what is spent, and where they are heading.",
    )
    verbs.command("list")(list_)
    verbs.command("set")(set_)
    verbs.command("rm")(rm)
    app.add_typer(verbs, name="budget")


def list_(
    config: ConfigOption = None, as_json: AsJson = False, url: ServerUrl = None, key: Key = None
) -> None:
    """Say what is spent of each budget, what an even pace would be, and when it will be crossed. Asks the running service,
    which knows the shadow prices too, and else reads its store.
    """
    from foreroute.cli.budget_view import listed, show

    rows = listed(config, url, key)
    if as_json:
        print_json({"budgets": rows})
    else:
        show(rows)


def set_(
    name: BudgetName,
    limit: Limit = None,
    hard: Hard = None,
    scope: Scope = None,
    of: Of = None,
    window: Window = None,
    at_limit: AtLimit = None,
    queue: Queue = None,
    time_zone: TimeZone = None,
    pace: Pace = None,
    alert: Alert = None,
    forecast_alert: ForecastAlert = None,
    unpriced: Unpriced = None,
    by: By = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
    url: ServerUrl = None,
    key: Key = None,
) -> None:
    """Set a budget, or change one that was set before. It holds at once on the running service; where none runs, from its
    next start on. Those of the configuration file are changed there.
    """
    from foreroute.cli.budget_set import put

    given = {
        "limit_usd": _amount(limit),
        "hard_limit_usd": _amount(hard),
        "scope": scope,
        "of": of,
        "window": window,
        "at_limit": at_limit,
        "queue_s": _seconds(queue),
        "time_zone": time_zone,
        "pace": pace,
        "alerts_at": None if not alert else [percent / 100.0 for percent in alert],
        "forecast_alert": forecast_alert,
        "allow_unpriced": unpriced,
    }
    fields = {
        field: None if value == "none" else value for field, value in given.items() if value is not None
    }
    if not fields:
        raise CommandError("nothing is to be set", hint="for example: --limit 900 --hard 1000 --window month")
    answer = put(name, fields, by=by, config=config, url=url, key=key)
    say_answer(answer, f"budget {name} is set: {answer['said']}", as_json=as_json)


def rm(
    name: BudgetName,
    by: By = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
    url: ServerUrl = None,
    key: Key = None,
) -> None:
    """Remove a budget that was set with `budget set`. What was spent stays on record."""
    from foreroute.cli.budget_set import remove

    answer = remove(name, by=by, config=config, url=url, key=key)
    say_answer(answer, f"budget {name} is removed", as_json=as_json)


def _amount(text: str | None) -> str | None:
    return None if text is None else text.removeprefix("$")


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    from foreroute.cli.series_store import duration_of

    return duration_of(text, "--queue")
