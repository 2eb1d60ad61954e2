"""Options of keys and teams, and what they say to the API."""

import re
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from foreroute.core.windows import Window

Row = dict[str, Any]
_EVERY: Final = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}
_BUDGET: Final = "AMOUNT/WINDOW"

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="PATTERN",
        help="A model it may call, such as gpt-4o or 'gpt-*'. Repeatable. Without any: all models.",
    ),
]
Rpm = Annotated[int | None, typer.Option("--rpm", min=1, metavar="N", help="Requests a minute.")]
Tpm = Annotated[
    int | None, typer.Option("--tpm", min=1, metavar="N", help="Tokens a minute, input and output together.")
]
Parallel = Annotated[
    int | None, typer.Option("--parallel", min=1, metavar="N", help="Requests under way at the same time.")
]
Budgets = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar=_BUDGET,
        help="US dollars a window (hour, day, week, month, total): 10/day. Refuses what would exceed it. Repeatable.",
    ),
]
SoftBudgets = Annotated[
    list[str] | None,
    typer.Option("--soft-budget", metavar=_BUDGET, help="The same, but it only reports. Repeatable."),
]
Unpriced = Annotated[
    bool | None,
    typer.Option(
        "--allow-unpriced/--refuse-unpriced",
        help="Models without a known price may be called in spite of a budget; --refuse-unpriced takes that back.",
        show_default=False,
    ),
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="WORD", help="A word of your own. Repeatable.")
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="REGION",
        help="A region in which its requests may be served; none elsewhere, whatever fails. Repeatable. Without any: "
        "anywhere.",
    ),
]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="DURATION", help="It ends after this time: 12h, 30d, 52w.")
]


class TeamClear(StrEnum):
    """What can be taken away from a team."""

    RPM = "rpm"
    TPM = "tpm"
    PARALLEL = "parallel"
    BUDGETS = "budgets"
    MODELS = "models"
    REGIONS = "regions"


class KeyClear(StrEnum):
    """What can be taken away from a key."""

    RPM = "rpm"
    TPM = "tpm"
    PARALLEL = "parallel"
    BUDGETS = "budgets"
    MODELS = "models"
    TAGS = "tags"
    REGIONS = "regions"
    EXPIRES = "expires"


_LIMITS: Final = {"rpm": "requests_per_minute", "tpm": "tokens_per_minute", "parallel": "parallel_max"}


def limits_of(
    rpm: int | None,
    tpm: int | None,
    parallel: int | None,
    budgets: list[str] | None,
    soft_budgets: list[str] | None,
    unpriced: bool | None,
) -> Row:
    """Only what was given. Budgets are one list: given ones replace all that there are."""
    limits: Row = {"requests_per_minute": rpm, "tokens_per_minute": tpm, "parallel_max": parallel}
    limits["allow_unpriced"] = unpriced
    if budgets or soft_budgets:
        limits["budgets"] = [
            *(_budget(one, "--budget", hard=True) for one in budgets or ()),
            *(_budget(one, "--soft-budget", hard=False) for one in soft_budgets or ()),
        ]
    return given(**limits)


def cleared(what: list[Any] | None) -> tuple[Row, Row]:
    """Fields and limits that are to be taken away."""
    fields: Row = {}
    limits: Row = {}
    for one in what or ():
        if one in _LIMITS:
            limits[_LIMITS[one]] = None
        elif one == "budgets":
            limits["budgets"] = []
        elif one == "expires":
            fields["expires_at"] = None
        else:
            fields[str(one)] = []
    return fields, limits


def given(**values: Any) -> Row:
    """Those that are something."""
    return {name: value for name, value in values.items() if value is not None}


def _budget(text: str, option: str, *, hard: bool) -> Row:
    amount, slash, window = (part.strip().lower() for part in text.partition("/"))
    window = _EVERY.get(window, window) if slash else "total"
    try:
        usd = Decimal(amount.removeprefix("$"))
    except InvalidOperation:
        usd = Decimal(-1)
    if not re.fullmatch(r"\$?[0-9]+(\.[0-9]+)?", amount) or window not in {*Window}:
        known = ", ".join(Window)
        raise typer.BadParameter(
            f"{text!r} is not an amount of US dollars and a window ({known}), such as 10/day",
            param_hint=option,
        )
    return {"limit_usd": f"{usd:f}", "window": window, "hard": hard}
