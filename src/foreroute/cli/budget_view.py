"""`foreroute budget list`: all budgets of the configured store."""

from datetime import datetime
from pathlib import Path
from typing import Any

from foreroute.app.costs import limits_of
from foreroute.app.prices import request_price
from foreroute.cli.options import config_path
from foreroute.cli.say import console, table, text
from foreroute.cli.series_store import on_file
from foreroute.clock import SystemClock
from foreroute.cost.budget import zone_of
from foreroute.cost.hours import recent_hours
from foreroute.dashboard.cost_budgets import budget_rows
from foreroute.settings import load_settings
from foreroute.store.sqlite import SqliteStore

Row = dict[str, Any]


def listed(config: Path | None) -> list[Row]:
    settings = load_settings(config_path(config))
    now = SystemClock().now()
    price = request_price(settings, now)

    async def work(store: SqliteStore) -> list[Row]:
        book, hours = await store.keys.read(), await recent_hours(store.costs, now)
        return await budget_rows(store.costs, book, limits_of(settings), price, now, hours)

    zone = settings.cost.time_zone
    return [row | {"time_zone": zone} for row in on_file(settings, work)]


def show(rows: list[Row]) -> None:
    out = console()
    if not rows:
        out.print("No budget is set: add `budgets:` to the configuration, or `--budget` to a key or team.")
        return
    made = table("budget", "of", "per", ">limit", ">spent", ">expected", "crossed")
    for row in rows:
        over = row["expected_usd"] is not None and float(row["expected_usd"]) > float(row["limit_usd"])
        made.add_row(
            text(row["name"], "bold"),
            text(row["scope"]),
            f"{row['window']}{', hard' if row['hard'] else ''}",
            row["limit_usd"],
            row["spent_usd"],
            text(row["expected_usd"] or "–", "bold red" if over else ""),
            text(crossed(row)),
        )
    out.print(made)


def crossed(row: Row) -> str:
    """When, with the interval that holds 80 %; instants in the time zone of reports."""
    if row["crossing_at"] is None and row["crossing_earliest_at"] is None:
        return "not expected"
    if float(row["spent_usd"]) >= float(row["limit_usd"]):
        return "spent"
    zone, short = zone_of(row["time_zone"]), row["window"] in ("hour", "day")

    def moment(at: float | None) -> str:
        form = "%H:%M" if short else "%d %b"
        return "later" if at is None else datetime.fromtimestamp(at, zone).strftime(form)

    if row["crossing_at"] is None:
        return f"not expected, possible from {moment(row['crossing_earliest_at'])} on"
    return f"{moment(row['crossing_at'])} (80 %: {moment(row['crossing_earliest_at'])} to {moment(row['crossing_latest_at'])})"
