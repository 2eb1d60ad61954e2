"""All budgets with where they are heading, from the ledger."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from foreroute.core.keys import KeyBook
from foreroute.core.ports import CostStore
from foreroute.cost.budget import BudgetSettings
from foreroute.cost.budget_list import Heading, Owned, Scoped, budgets_of, heading
from foreroute.cost.calendar import Window
from foreroute.cost.hours import so_far
from foreroute.cost.period_forecast import Hours, RequestPrice
from foreroute.cost.report_rows import plain

Row = dict[str, Any]


async def budget_rows(
    costs: CostStore,
    book: KeyBook,
    limits: Sequence[BudgetSettings],
    price: RequestPrice,
    at: float,
    hours: Hours,
) -> list[Row]:
    """Those of the configuration first, then of teams and keys. Money is text, exactly."""
    budgets = budgets_of(limits, book, at)
    owned, rows = Owned(hours), []
    for one in budgets:
        spent = await so_far(costs, Window(one.name, one.start_at, one.end_at), at)
        mine = await asyncio.to_thread(owned.of, one)
        rows.append(_row(await asyncio.to_thread(heading, one, at, mine, spent, price)))
    return rows


def _row(found: Heading) -> Row:
    budget, forecast, crossed = found.budget, found.forecast, found.crossing
    return _named(budget) | {
        "spent_usd": plain(found.spent_usd),
        "expected_usd": None if forecast is None else plain(forecast.total.expected_usd),
        "lower_usd": None if forecast is None else plain(forecast.total.lower_usd),
        "upper_usd": None if forecast is None else plain(forecast.total.upper_usd),
        "unpriced_attempts": 0 if forecast is None else forecast.total.unpriced_attempts,
        "crossing_at": None if crossed is None else crossed.expected_at,
        "crossing_earliest_at": None if crossed is None else crossed.earliest_at,
        "crossing_latest_at": None if crossed is None else crossed.latest_at,
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
