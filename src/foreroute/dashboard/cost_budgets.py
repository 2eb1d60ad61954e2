"""All budgets with where they are heading, from the ledger."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from foreroute.core.budgets import ScopedBudget
from foreroute.core.findings import BudgetStatus
from foreroute.core.keys import KeyBook
from foreroute.core.ports import CostStore
from foreroute.cost.budget_list import Heading, Owned, Scoped, budgets_of, heading
from foreroute.cost.calendar import Window
from foreroute.cost.hours import so_far
from foreroute.cost.period_forecast import Hours, RequestPrice
from foreroute.cost.report_rows import plain

Row = dict[str, Any]
_MICRO: Final = Decimal("0.000001")


async def budget_rows(
    costs: CostStore,
    book: KeyBook,
    limits: Sequence[ScopedBudget],
    price: RequestPrice,
    at: float,
    hours: Hours,
    statuses: Mapping[str, BudgetStatus] | None = None,
) -> list[Row]:
    """Those of the house first, then of teams and keys. Money is text, exactly. `statuses` are what a control loop knows
    beside: shadow prices.
    """
    budgets = budgets_of(limits, book, at)
    owned, rows = Owned(hours), []
    for one in budgets:
        spent = await so_far(costs, Window(one.name, one.start_at, one.end_at), at)
        mine = await asyncio.to_thread(owned.of, one)
        found = await asyncio.to_thread(heading, one, at, mine, spent, price)
        seen = None if one.rule is None else (statuses or {}).get(one.name)
        rows.append(_row(found, at, seen))
    return rows


def _row(found: Heading, at: float, seen: BudgetStatus | None) -> Row:
    budget, forecast, crossed = found.budget, found.forecast, found.crossing
    return (
        _named(budget)
        | _rules(budget, found.spent_usd, at, seen)
        | {
            "spent_usd": plain(found.spent_usd),
            "expected_usd": None if forecast is None else plain(forecast.total.expected_usd),
            "lower_usd": None if forecast is None else plain(forecast.total.lower_usd),
            "upper_usd": None if forecast is None else plain(forecast.total.upper_usd),
            "unpriced_attempts": 0 if forecast is None else forecast.total.unpriced_attempts,
            "crossing_at": None if crossed is None else crossed.expected_at,
            "crossing_earliest_at": None if crossed is None else crossed.earliest_at,
            "crossing_latest_at": None if crossed is None else crossed.latest_at,
        }
    )


def _rules(budget: Scoped, spent_usd: Decimal, at: float, seen: BudgetStatus | None) -> Row:
    """What the house's own budgets have beside; keys' and teams' are hard or soft, and refuse with 429."""
    rule, price = budget.rule, 0.0 if seen is None or seen.pace is None else seen.pace.price
    hard = (budget.limit_usd if budget.hard else None) if rule is None else rule.hard_limit_usd
    even = math.isfinite(budget.end_at)
    passed = (at - budget.start_at) / (budget.end_at - budget.start_at) if even else 0.0
    pace = (budget.limit_usd * Decimal(repr(passed))).quantize(_MICRO)
    state = "pacing" if price > 0 else "open"
    if spent_usd >= budget.limit_usd:
        state = "at_limit" if hard is not None and spent_usd >= hard else "spent"
    return {
        "time_zone": "UTC" if rule is None else rule.time_zone,
        "origin": "key or team" if rule is None else rule.origin.value,
        "hard_limit_usd": None if hard is None else plain(hard),
        "at_limit": None if hard is None else "429" if rule is None else rule.at_limit.value,
        "pace_usd": plain(pace) if even else None,
        "shadow_price": None if seen is None or seen.pace is None else price,
        "state": state,
    }


def _named(budget: Scoped) -> Row:
    return {
        "name": budget.name,
        "scope": budget.scope,
        "window": budget.window.value,
        "start_at": budget.start_at,
        "end_at": None if math.isinf(budget.end_at) else budget.end_at,
        "hard": budget.hard,
        "limit_usd": plain(budget.limit_usd),
    }
