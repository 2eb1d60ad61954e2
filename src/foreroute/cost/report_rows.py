"""A report as plain values, for JSON, comma-separated values and pages. Money is text, exactly."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from foreroute.core.ledger import Metered
from foreroute.cost.report import By, SpendReport, share

Row = dict[str, Any]


def report_row(report: SpendReport) -> Row:
    return {
        "period": report.period.value,
        "name": report.window.name,
        "start_at": report.window.start_at,
        "end_at": report.window.end_at,
        "at": report.at,
        "time_zone": report.time_zone,
        "total": metered_row(report.total),
        "before": metered_row(report.before),
        "by": {
            by.value: [{"name": line.name} | metered_row(line.metered, report.total) for line in lines]
            for by, lines in report.by.items()
        },
    }


def metered_row(metered: Metered, total: Metered | None = None) -> Row:
    row: Row = {
        "usd": plain(metered.cost_usd),
        "attempts": metered.attempts,
        "unpriced_attempts": metered.unpriced_attempts,
        "input_tokens": metered.input_tokens,
        "cached_input_tokens": metered.cached_input_tokens,
        "cache_write_tokens": metered.cache_write_tokens,
        "output_tokens": metered.output_tokens,
        "reasoning_tokens": metered.reasoning_tokens,
    }
    return row if total is None else row | {"share": share(metered.cost_usd, total.cost_usd)}


def plain(money: Decimal) -> str:
    """All digits, no exponent, no trailing zeros."""
    return f"{money.normalize():f}" if money else "0"


def report_csv(report: SpendReport, by: By | None = None) -> str:
    """One row a line of each division, and the total first: every division adds up to it."""
    out = io.StringIO()
    heads = ["period_start", "period_end", "time_zone", "by", "name", *metered_row(report.total)]
    writer = csv.DictWriter(out, heads, lineterminator="\n")
    writer.writeheader()
    start, end = (
        datetime.fromtimestamp(at, UTC).isoformat() for at in (report.window.start_at, report.window.end_at)
    )
    common = {"period_start": start, "period_end": end, "time_zone": report.time_zone}
    writer.writerow(common | {"by": "total", "name": "total"} | metered_row(report.total))
    for division in By if by is None else (by,):
        for line in report.by[division]:
            name = _harmless(line.name)
            writer.writerow(common | {"by": division.value, "name": name} | metered_row(line.metered))
    return out.getvalue()


def _harmless(text: str) -> str:
    """A name that a spreadsheet would take for a formula is one no longer."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
