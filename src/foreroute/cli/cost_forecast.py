"""`foreroute cost forecast`: what the day, the week and the month will have cost."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foreroute.app.prices import price_book
from foreroute.cli.options import config_path
from foreroute.cli.say import console, table, text
from foreroute.cli.series_store import on_file
from foreroute.clock import SystemClock
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import SpendCell
from foreroute.core.ports import CostStore
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Period, Window, period_of
from foreroute.cost.outlook import HOUR_S
from foreroute.cost.period_forecast import (
    HISTORY_DAYS,
    Hours,
    Outlook,
    PeriodForecast,
    RequestPrice,
    period_forecast,
)
from foreroute.cost.report_rows import plain
from foreroute.settings import Settings, load_settings
from foreroute.settings.convert import channels_of
from foreroute.store.sqlite import SqliteStore

Row = dict[str, Any]


def forecasts(config: Path | None) -> Row:
    """End of day, week and month, each in all and by channel and route."""
    settings = load_settings(config_path(config))
    now = SystemClock().now()
    zone = zone_of(settings.cost.time_zone)
    periods = {period: period_of(period, now, zone) for period in Period}
    price = price_of(settings, now)

    async def work(store: SqliteStore) -> list[PeriodForecast]:
        hours = await recent_hours(store.costs, now)
        return [
            period_forecast(window, now, hours, await so_far(store.costs, window, now), price)
            for window in periods.values()
        ]

    found = on_file(settings, work)
    rows = [forecast_row(one) for one in found]
    return {
        "at": now,
        "time_zone": settings.cost.time_zone,
        "periods": dict(zip((one.value for one in periods), rows, strict=True)),
    }


def price_of(settings: Settings, at: float) -> RequestPrice:
    """Today's price of a request on a channel of the configuration."""
    book, channels = price_book(settings), {one.id: one for one in channels_of(settings)}

    def price(name: str, usage: Any) -> Any:
        channel = channels.get(ChannelId(name))
        return None if channel is None else book.cost_usd(channel, usage, at).cost_usd

    return price


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


def show_forecasts(answer: Row) -> None:
    out = console()
    for period, row in answer["periods"].items():
        total = row["total"]
        ends = datetime.fromtimestamp(row["end_at"], UTC).strftime("%Y-%m-%d %H:%M UTC")
        out.print(
            f"{period} {row['name']} ({row['elapsed']:.0%} over, ends {ends}): {total['spent_usd']} spent, "
            f"{total['expected_usd']} expected, 80 % between {total['lower_usd']} and {total['upper_usd']} US dollars"
        )
        out.print(text(_how_sure(total), "dim"))
        made = table("channel", ">spent", ">expected", ">80 % from", ">to", ">requests to come", ">a request")
        for one in row["by"]["channel"]:
            each = one["usd_per_request"]
            made.add_row(
                text(one["name"], "bold"),
                one["spent_usd"],
                one["expected_usd"],
                one["lower_usd"],
                one["upper_usd"],
                f"{one['requests_to_come']:,}",
                "–" if each is None else f"{each:.6f}",
            )
        out.print(made)


def _how_sure(total: Row) -> str:
    if not total["replays"]:
        return "The interval is a usual spread: less than four days are on record."
    return (
        f"What was still to come at this hour was missed by {total['error_ratio']:.0%} on average "
        f"on the last {total['replays']} days that can tell."
    )
