"""`foreroute cost forecast`: what the day, the week and the month will have cost."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foreroute.app.prices import request_price
from foreroute.cli.options import config_path
from foreroute.cli.say import console, table, text
from foreroute.cli.series_store import on_file
from foreroute.clock import SystemClock
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Period, period_of
from foreroute.cost.hours import recent_hours, so_far
from foreroute.cost.period_forecast import PeriodForecast, period_forecast
from foreroute.dashboard.cost_hours import forecast_row
from foreroute.settings import load_settings
from foreroute.store.sqlite import SqliteStore

Row = dict[str, Any]


def forecasts(config: Path | None) -> Row:
    """End of day, week and month, each in all and by channel and route."""
    settings = load_settings(config_path(config))
    now = SystemClock().now()
    zone = zone_of(settings.cost.time_zone)
    periods = {period: period_of(period, now, zone) for period in Period}
    price = request_price(settings, now)

    async def work(store: SqliteStore) -> list[PeriodForecast]:
        hours = (await recent_hours(store.costs, now)).slim()
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
