"""`foreroute cost frontier` and `optimize`: who is worth their price, and the cheapest shares that keep every promise."""

from pathlib import Path
from typing import Any

from foreroute.app.market import market_sources
from foreroute.cli.options import config_path
from foreroute.cli.say import CommandError, console, table, text
from foreroute.cli.series_store import duration_of, on_file
from foreroute.clock import SystemClock
from foreroute.cost.linear_highs import optimise
from foreroute.dashboard.cost_foreseen import foreseen
from foreroute.dashboard.cost_market import RouteMarket, market_of, programme_of
from foreroute.dashboard.cost_rows import frontier_rows, optimum_row
from foreroute.settings import Settings, load_settings
from foreroute.settings.convert import channels_of
from foreroute.store.sqlite import SqliteStore

Row = dict[str, Any]


def frontiers(config: Path | None, since: str) -> list[Row]:
    return frontier_rows(_markets(load_settings(config_path(config)), since))


def optimum(config: Path | None, since: str, budget: str | None, *, fastest: bool) -> Row:
    settings = load_settings(config_path(config))
    hourly = None if budget is None else _budget(budget)
    if fastest and hourly is None:
        raise CommandError(
            "--fastest needs a budget", where="--fastest", hint="add --budget 10, US dollars a day"
        )
    markets = _markets(settings, since)
    asked = programme_of(markets, channels_of(settings), usd_per_hour_max=hourly, fastest=fastest)
    return optimum_row(optimise(asked), markets)


def _markets(settings: Settings, since: str) -> tuple[RouteMarket, ...]:
    now = SystemClock().now()
    start = now - duration_of(since, "--since")

    async def work(store: SqliteStore) -> tuple[RouteMarket, ...]:
        sources = market_sources(settings, store.costs, store.rollups, at=now)
        ahead = await foreseen(store.records, sources, now, horizon_s=settings.loop.horizon)
        return await market_of(sources, start_at=start, end_at=now, ahead=ahead)

    return on_file(settings, work)


def _budget(text_: str) -> float:
    try:
        daily = float(text_)
    except ValueError:
        daily = -1.0
    if not 0 <= daily < 1e12:
        raise CommandError(f"{text_!r} is no budget", where="--budget", hint="US dollars a day, such as 25")
    return daily / 24.0


def show_frontiers(rows: list[Row]) -> None:
    out = console()
    for row in rows:
        out.print(f"{row['route']}: {row['requests_per_minute']:.1f} requests a minute")
        made = table("channel", ">US dollars a request", ">p95", ">success", ">quality", "on the frontier")
        for one in row["channels"]:
            made.add_row(
                text(one["channel"], "bold" if one["on_frontier"] else ""),
                "unpriced" if one["usd_per_request"] is None else f"{one['usd_per_request']:.6f}",
                _p95(one),
                f"{one['success_ratio']:.2%}",
                f"{one['quality']:g}",
                text(_place(one)),
            )
        out.print(made)


def _p95(one: Row) -> str:
    if one["p95_s"] is None:
        return "–"
    return f"{one['p95_s']:.3f} s{' (forecast)' if one['forecast_by'] else ''}"


def _place(one: Row) -> str:
    if one["missing"]:
        return f"not known: {' and '.join(one['missing'])}"
    return "yes" if one["on_frontier"] else f"no: {', '.join(one['dominated_by'])}"


def show_optimum(row: Row) -> None:
    out = console()
    if not row["feasible"]:
        out.print(text("No shares keep every promise. What would have to give:", "bold red"))
        for one in row["concessions"]:
            out.print(text(f"  {one['says']}"))
        return
    if not row["routes"]:
        out.print("No route has traffic and channels that are known: there is nothing to share out.")
        return
    out.print(f"${row['usd_per_hour']:.4f} an hour{_against(row)}")
    made = table("route", "channel", ">configured", ">optimum")
    for route in row["routes"]:
        for channel, weight in route["baseline"].items():
            share = route["shares"].get(channel, 0.0)
            made.add_row(text(route["route"]), text(channel, "bold"), f"{weight:.0%}", f"{share:.1%}")
    out.print(made)
    for one in row["shadow_prices"]:
        of = f" of {one['of']}" if one["of"] else ""
        out.print(
            text(f"Held by the {one['promise']}{of}: one unit more is worth {one['per_unit']:.4g}.", "dim")
        )
    if row["left_out"]:
        out.print(text(f"Left out, since nothing is known of them: {', '.join(row['left_out'])}.", "dim"))


def _against(row: Row) -> str:
    if row["baseline_usd_per_hour"] is None:
        return ""
    return f", against ${row['baseline_usd_per_hour']:.4f} with the configured weights ({row['saved_ratio']:.1%} less)"
