"""A cost forecast as plain values."""

from typing import Any

from foreroute.cost.period_forecast import Outlook, PeriodForecast
from foreroute.cost.report_rows import plain

Row = dict[str, Any]


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
