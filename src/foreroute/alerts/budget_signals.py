"""What budgets have to say: parts of a limit that are spent, a hard limit that holds, and the day of the crossing. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from foreroute.alerts.values import Severity, Signal, Source
from foreroute.alerts.words import advice_on, percent, usd
from foreroute.core.findings import BudgetStatus
from foreroute.core.windows import Window, zone_named

HOLD_S: Final = 300.0
NAME: Final = "ForerouteBudgetOverrun"
_WORDS: Final = {
    Window.HOUR: "hourly",
    Window.DAY: "daily",
    Window.WEEK: "weekly",
    Window.MONTH: "monthly",
    Window.TOTAL: "total",
}
_AT: Final = {
    "cheaper": "only what costs nothing is served",
    "queue": "requests wait, and are refused in the end",
    "402": "requests are refused with 402",
    "429": "requests are refused with 429",
}


def budget_signals(budget: BudgetStatus, at: float) -> Iterator[Signal]:
    """One for each part of the limit that is spent, of which the highest explains the others; one while the hard limit
    holds; one while it is expected to be crossed.
    """
    for part in budget.alerts_at:
        if budget.spent_usd >= budget.limit_usd * Decimal(repr(part)):
            yield _spent(budget, part, at)
    if budget.at_hard_limit:
        yield _signal(
            budget,
            "hard_limit",
            f"{_called(budget)} is at its hard limit of {usd(budget.hard_limit_usd or budget.limit_usd)}: "
            f"{_AT.get(budget.at_limit, 'requests are refused')}{_until(budget)}",
            Detail(at, 0.0, Severity.CRITICAL),
        )
    is_spent = budget.spent_usd >= budget.limit_usd
    if is_spent and not budget.alerts_at:
        # An operator without thresholds hears of the end all the same.
        yield _overrun(budget, at)
    elif (
        not is_spent and budget.forecast_alert and (budget.crossing_at is not None or budget.overrun_expected)
    ):
        yield _overrun(budget, at)


@dataclass(frozen=True, slots=True)
class Detail:
    since_at: float
    hold_s: float
    floor: Severity


def crossing_words(budget: BudgetStatus) -> str:
    """`you will cross the monthly budget on the 19th (80 % interval 17th to 22nd)`."""
    moments = (budget.crossing_at, budget.crossing_earliest_at, budget.crossing_latest_at)
    when, early, late = ("later" if at is None else _moment(budget, at) for at in moments)
    joint = "at" if budget.window in (Window.HOUR, Window.DAY) else "on"
    on = joint if budget.window is not Window.MONTH else "on the"
    end = "the period's end or later" if late == "later" else late
    return f"you will cross {_the(budget)} {on} {when} (80 % interval {early} to {end})"


def _overrun(budget: BudgetStatus, at: float) -> Signal:
    is_spent = budget.spent_usd >= budget.limit_usd
    sums = f"{usd(budget.spent_usd)} so far, {usd(budget.projected_usd)} by the end, limit {usd(budget.limit_usd)}"
    if budget.crossing_at is not None and not is_spent:
        said = f"{crossing_words(budget)}: {sums}"
    else:
        said = f"budget {budget.name} {'is spent' if is_spent else 'is expected to overrun'}: {sums}"
    if is_spent:
        return _signal(budget, "budget", said, Detail(at, 0.0, Severity.CRITICAL))
    return _signal(budget, "budget", said, Detail(at, HOLD_S, Severity.WARNING))


def _spent(budget: BudgetStatus, part: float, at: float) -> Signal:
    said = f"{_called(budget)}: {percent(part)} is spent, {usd(budget.spent_usd)} of {usd(budget.limit_usd)}"
    floor = Severity.CRITICAL if part >= 1.0 else Severity.WARNING
    return _signal(budget, f"spent_{part * 100:g}", said, Detail(at, 0.0, floor))


def _signal(budget: BudgetStatus, kind: str, summary: str, detail: Detail) -> Signal:
    return Signal(
        source=Source.BUDGET,
        labels={"alertname": NAME, "source": Source.BUDGET.value, "kind": kind, "budget": budget.name},
        summary=summary,
        since_at=detail.since_at,
        hold_s=detail.hold_s,
        floor=detail.floor,
        advice=advice_on(Source.BUDGET),
    )


def _called(budget: BudgetStatus) -> str:
    return f"budget {budget.name}" if budget.whose == "all" else f"budget {budget.name} ({budget.whose})"


def _the(budget: BudgetStatus) -> str:
    """`the monthly budget`, or with its name and whose it is where that says more."""
    word = _WORDS[budget.window]
    name = "" if budget.name == word else f" {budget.name}"
    whose = "" if budget.whose == "all" else f" of {budget.whose}"
    return f"the {word} budget{name}{whose}"


def _until(budget: BudgetStatus) -> str:
    if budget.window is Window.TOTAL:
        return ""
    end = datetime.fromtimestamp(budget.period_end_at, zone_named(budget.time_zone))
    return f" until {end:%Y-%m-%d %H:%M %Z}"


def _moment(budget: BudgetStatus, at: float) -> str:
    local = datetime.fromtimestamp(at, zone_named(budget.time_zone))
    match budget.window:
        case Window.HOUR | Window.DAY:
            return f"{local:%H:%M}"
        case Window.WEEK:
            return f"{local:%A}"
        case _:
            return _ordinal(local.day)


def _ordinal(day: int) -> str:
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"
