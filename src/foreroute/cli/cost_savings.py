"""`foreroute cost savings`: what steering has saved this month, by measurement, and whether it pays."""

from pathlib import Path
from typing import Any

from foreroute.app.costs import savings_sources
from foreroute.cli.options import config_path
from foreroute.cli.say import console, table, text
from foreroute.cli.series_store import on_file
from foreroute.clock import SystemClock
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Period, period_of
from foreroute.dashboard.cost_savings import savings_of, savings_row
from foreroute.settings import Settings, load_settings
from foreroute.store.sqlite import SqliteStore

Row = dict[str, Any]


def measured(config: Path | None, back: int) -> Row:
    """Of this calendar month, or of one so many months ago."""
    settings = load_settings(config_path(config))

    async def work(store: SqliteStore) -> Row:
        return await _row(settings, store, back)

    return on_file(settings, work)


async def month_row(settings: Settings, store: SqliteStore, back: int) -> Row | None:
    """For a report; None where nobody was held out in that month."""
    row = await _row(settings, store, back)
    return row if row["requests"] or row["requests_control"] else None


def said_of(row: Row | None) -> list[str]:
    """In sentences."""
    return [] if row is None else [f"Savings of {headline(row)}.", *_lines(row)]


async def _row(settings: Settings, store: SqliteStore, back: int) -> Row:
    now = SystemClock().now()
    month = period_of(Period.MONTH, now, zone_of(settings.cost.time_zone), back=back)
    sources = savings_sources(settings, store)
    assert sources is not None  # noqa: S101 - a store in a file keeps both
    return savings_row(await savings_of(sources, month, now), month)


def show_savings(row: Row) -> None:
    out = console()
    out.print(text(headline(row), "bold"))
    if row["missing"]:
        out.print(text(row["missing"], "dim"))
    made = table("", ">requests", ">US dollars a request")
    for name, key in (("steered", ""), ("control", "_control")):
        usd = row[f"usd_per_request{key}"]
        made.add_row(name, f"{row[f'requests{key}']:,}", "–" if usd is None else f"{usd:.6f}")
    out.print(made)
    for line in _lines(row):
        out.print(text(line))
    out.print(text(f"Compared: {row['basis']}.", "dim"))


def headline(row: Row) -> str:
    net = row["net_usd"]
    if net is None:
        return f"{row['month']}: savings cannot be stated yet"
    sure = "" if row["is_sure"] else "; chance alone may explain the difference"
    return f"{row['month']}: {_money(net)} saved, net{sure}"


def _lines(row: Row) -> list[str]:
    found = []
    if (change := row["change"]) is not None:
        bounds = f"{change['lower']:+.1%} … {change['upper']:+.1%}"
        found.append(f"A steered request costs {change['value']:+.1%} ({bounds}).")
    if (gross := row["gross_usd"]) is not None:
        found.append(
            f"Saved {_money(gross)}; less probes ${row['probes_usd']:.2f}, hedges ${row['hedges_usd']:.2f} "
            f"and running cost ${row['running_usd']:.2f} of {row['hours']:.0f} hours."
        )
    if row["roi"] is not None:
        found.append(f"Return on the running cost: {row['roi']:+.0%}.")
    if row["payback_days"] is not None:
        found.append(f"Paid for itself after {row['payback_days']:.1f} days, at this rate.")
    return found


def _money(span: Row) -> str:
    return f"${span['value']:,.2f} (${span['lower']:,.2f} … ${span['upper']:,.2f})"
