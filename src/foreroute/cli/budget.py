# ruff: noqa: PLC0415 - each verb loads what it needs when it runs
"""`foreroute budget`: every budget, what is spent of it, and when it will be crossed. Works on the store's file itself."""

import typer

from foreroute.cli.options import AsJson
from foreroute.cli.say import print_json
from foreroute.cli.series import ConfigOption


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Budgets of everybody, of teams and of keys: what is spent, and where they are heading.",
    )
    verbs.callback()(_budget)
    verbs.command("list")(list_)
    app.add_typer(verbs, name="budget")


def _budget() -> None:
    """One verb so far; more would stand beside it."""


def list_(config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Say what is spent of each budget, what it will come to, and when it will be crossed. Those of everybody are in the
    configuration file (`budgets`), those of keys and teams are set by `foreroute keys` and `foreroute teams`.
    """
    from foreroute.cli.budget_view import listed, show

    rows = listed(config)
    if as_json:
        print_json({"budgets": rows})
    else:
        show(rows)
