"""The hours behind a cost forecast, and the forecast as plain values."""

from typing import Any

from foreroute.core.ledger import SpendCell
from foreroute.core.ports import CostStore
from foreroute.cost.calendar import Window
from foreroute.cost.outlook import HOUR_S
from foreroute.cost.period_forecast import HISTORY_DAYS, Hours, Outlook, PeriodForecast
from foreroute.cost.report_rows import plain

Row = dict[str, Any]


async def recent_hours(costs: CostStore, at: float) -> Hours:
    """Whole hours (of the epoch) up to the one that has begun."""
    end = at // HOUR_S * HOUR_S
    starts = [end - HOUR_S * n for n in range(HISTORY_DAYS * 24, 0, -1)]
    return Hours.of(await costs.cells([(start, start + HOUR_S) for start in starts]), starts)


async def so_far(costs: CostStore, window: Window, at: float) -> list[SpendCell]:
    return await costs.cells([(window.start_at, min(window.end_at, (at // 900.0 + 1) * 900.0))])


def forecast_row(found: PeriodForecast) -> Row:
    return {
        "name": found.window.name,
        "start_at": found.window.start_at,
        "end_at": found.window.end_at,
        "elapsed": min(
            1.0, (found.at - found.window.start_at) / (found.window.end_at - found.window.start_at)
        ),
        "coverage": 0.8,
        "total": _row(found.total),
        "by": {by.value: [_row(one) for one in parts] for by, parts in found.by.items()},
    }


def _row(one: Outlook) -> Row:
    return {
        "name": one.name,
        "spent_usd": plain(one.spent_usd),
        "expected_usd": plain(one.expected_usd),
        "lower_usd": plain(one.lower_usd),
        "upper_usd": plain(one.upper_usd),
        "requests_to_come": round(one.requests),
        "usd_per_request": one.usd_per_request,
        "unpriced_attempts": one.unpriced_attempts,
        "replays": one.replays,
        "error_ratio": one.error,
    }
