"""`foreroute cost forecast --record`: how well it has done."""

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
from foreroute.cost.period_forecast import period_forecast
from foreroute.dashboard.cost_grades import record_row
from foreroute.settings import load_settings
from foreroute.store.sqlite import SqliteStore

Row = dict[str, Any]


def recorded(config: Path | None) -> Row:
    """Error and coverage by period, division and how much of it was over; of what still runs, beside today's forecast."""
    settings = load_settings(config_path(config))
    now = SystemClock().now()
    zone, price = zone_of(settings.cost.time_zone), request_price(settings, now)

    async def work(store: SqliteStore) -> Row:
        hours = (await recent_hours(store.costs, now)).slim()
        present = {}
        for period in Period:
            window = period_of(period, now, zone)
            spent = await so_far(store.costs, window, now)
            present[period.value] = period_forecast(window, now, hours, spent, price)
        return await record_row(store.cost_record, present, now)

    return on_file(settings, work)


def show_record(answer: Row) -> None:
    out = console()
    if not answer["stated"]:
        out.print(
            "Nothing is on record yet: `foreroute serve` writes down what it expects as a period goes by."
        )
        return
    made = table("period", "of", ">over", ">graded", ">error", ">bias", ">inside 80 %")
    for kind, rows in (("", answer["ended"]), (" (so far)", answer["live"])):
        for row in rows:
            made.add_row(
                text(row["period"] + kind, "bold"),
                row["division"],
                f"{row['elapsed']:.0%}",
                f"{row['graded']:,}",
                _percent(row["error_ratio"]),
                _percent(row["bias_ratio"], sign="+"),
                f"{row['coverage_ratio']:.0%}",
            )
    out.print(made)
    out.print(
        text(
            f"{answer['stated']:,} forecasts are on record. `so far` is against what is expected now.", "dim"
        )
    )


def _percent(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.1%}"
