"""`foreroute budget list`: all budgets of the running service, or of the configured store."""

from datetime import datetime
from pathlib import Path
from typing import Any

from foreroute.app.prices import request_price
from foreroute.cli.api import AdminApi, UnreachableError
from foreroute.cli.budget_set import address
from foreroute.cli.language import say
from foreroute.cli.options import config_path
from foreroute.cli.say import console, table, text
from foreroute.cli.series_store import on_file
from foreroute.clock import SystemClock
from foreroute.control.budgets import in_force
from foreroute.cost.budget import zone_of
from foreroute.cost.hours import recent_hours
from foreroute.dashboard.cost_budgets import budget_rows
from foreroute.settings import load_settings
from foreroute.settings.budgets import scoped_budgets
from foreroute.store.sqlite import SqliteStore

Row = dict[str, Any]


def listed(config: Path | None, url: str | None, key: str | None) -> list[Row]:
    path = config_path(config)
    zone = load_settings(path).cost.time_zone if config is not None or path.exists() else "UTC"
    try:
        rows = AdminApi(address(config, url), key).get("cost", "budgets")["budgets"]
    except UnreachableError:
        rows = _of_store(path)
    return [row | {"time_zone": row.get("time_zone") or zone} for row in rows]


def _of_store(path: Path) -> list[Row]:
    settings = load_settings(path)
    now = SystemClock().now()
    price = request_price(settings, now)

    async def work(store: SqliteStore) -> list[Row]:
        book, hours = await store.keys.read(), await recent_hours(store.costs, now)
        limits = in_force(scoped_budgets(settings), await store.budgets.read())
        return await budget_rows(store.costs, book, limits, price, now, hours)

    return on_file(settings, work)


def show(rows: list[Row]) -> None:
    out = console()
    if not rows:
        out.print(say("budget.none"))
        return
    made = table(*say("budget.columns").split("|"))
    for row in rows:
        over = row["expected_usd"] is not None and float(row["expected_usd"]) > float(row["limit_usd"])
        made.add_row(
            text(row["name"], "bold"),
            text(row["scope"]),
            say(f"window.{row['window']}"),
            row["limit_usd"],
            "–" if row["hard_limit_usd"] is None else f"{row['hard_limit_usd']} ({row['at_limit']})",
            row["spent_usd"],
            row["pace_usd"] or "–",
            text(row["expected_usd"] or "–", "bold red" if over else ""),
            text(state(row), "red" if row["state"] in ("at_limit", "spent") else ""),
            text(crossed(row)),
            row["origin"],
        )
    out.print(made)


def state(row: Row) -> str:
    word, price = say(f"budget.{row['state']}"), row["shadow_price"]
    return say("budget.price", state=word, price=f"{price:.2f}") if price else word


def crossed(row: Row) -> str:
    """When, with the interval that holds 80 %; instants in the budget's time zone."""
    if row["crossing_at"] is None and row["crossing_earliest_at"] is None:
        return say("budget.not_expected")
    if float(row["spent_usd"]) >= float(row["limit_usd"]):
        return say("budget.spent")
    zone, short = zone_of(row["time_zone"]), row["window"] in ("hour", "day")

    def moment(at: float | None) -> str:
        form = "%H:%M" if short else "%d %b"
        return say("budget.later") if at is None else datetime.fromtimestamp(at, zone).strftime(form)

    if row["crossing_at"] is None:
        return say("budget.possible", at=moment(row["crossing_earliest_at"]))
    return say(
        "budget.crossed",
        at=moment(row["crossing_at"]),
        earliest=moment(row["crossing_earliest_at"]),
        latest=moment(row["crossing_latest_at"]),
    )
