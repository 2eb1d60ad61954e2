"""Budgets of the configuration file, as the house knows them, and what is wrong with them together."""

import difflib
from collections.abc import Iterator, Mapping, Sequence

from foreroute.core.budgets import BudgetScope, Origin, ScopedBudget
from foreroute.core.windows import zone_named
from foreroute.settings.document import Problem
from foreroute.settings.finding import BudgetSettings
from foreroute.settings.model import Settings


def scoped_budgets(settings: Settings) -> tuple[ScopedBudget, ...]:
    """Raises ValueError for what `budget_problems` names."""
    return tuple(scoped_budget(one, settings.cost.time_zone) for one in settings.budgets)


def scoped_budget(section: BudgetSettings, time_zone: str) -> ScopedBudget:
    return ScopedBudget(
        name=section.name,
        scope=section.scope,
        of=section.of,
        window=section.window,
        time_zone=section.time_zone or time_zone,
        limit_usd=section.limit_usd,
        hard_limit_usd=section.hard_limit_usd,
        at_limit=section.at_limit,
        queue_s=section.queue,
        pace=section.pace,
        allow_unpriced=section.allow_unpriced,
        alerts_at=tuple(sorted(set(section.alerts_at))),
        forecast_alert=section.forecast_alert,
        origin=Origin.FILE,
    )


def known_scopes(settings: Settings) -> Mapping[BudgetScope, Sequence[str]]:
    """Of the scopes that the file itself can tell; teams, keys and tags are in the store."""
    return {
        BudgetScope.ROUTE: [route.model for route in settings.routes],
        BudgetScope.CHANNEL: [channel.id for channel in settings.channels],
        BudgetScope.PROVIDER: list(dict.fromkeys(channel.provider for channel in settings.channels)),
    }


def unknown_scope(budget: ScopedBudget, known: Mapping[BudgetScope, Sequence[str]]) -> tuple[str, str] | None:
    """Message and hint when a budget is about something that does not exist; None: it does, or nobody can tell."""
    names = known.get(budget.scope)
    if names is None or budget.of in names:
        return None
    near = difflib.get_close_matches(budget.of, names, n=1)
    wished = f"did you mean {near[0]}? " if near else ""
    return (
        f"there is no {budget.scope} {budget.of!r}",
        f"{wished}{budget.scope}s: {', '.join(names) or 'none'}",
    )


def budget_problems(settings: Settings) -> Iterator[Problem]:
    known, seen = known_scopes(settings), dict[object, int]()
    for index, section in enumerate(settings.budgets):
        try:
            zone_named(section.time_zone or settings.cost.time_zone)
        except ValueError:
            continue  # said elsewhere
        try:
            budget = scoped_budget(section, settings.cost.time_zone)
        except ValueError as error:
            yield Problem(("budgets", index), str(error), "for example: {name: monthly, limit_usd: 900}")
            continue
        if (found := unknown_scope(budget, known)) is not None:
            yield Problem(("budgets", index, "of"), *found)
        if budget.counted in seen:
            first = seen[budget.counted]
            message = f"counts the same as budgets[{first}]: {budget.whose}, a {budget.window}"
            yield Problem(("budgets", index), message, "one budget has both a limit_usd and a hard_limit_usd")
        seen.setdefault(budget.counted, index)
