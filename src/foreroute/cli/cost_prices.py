"""`foreroute cost prices`: what each channel costs now."""

from pathlib import Path
from typing import Any

from foreroute.app.prices import price_book
from foreroute.cli.options import config_path
from foreroute.cli.say import console, table, text
from foreroute.clock import SystemClock
from foreroute.core.attempt import Usage
from foreroute.core.ledger_json import prices_fields
from foreroute.settings import load_settings
from foreroute.settings.convert import channels_of

Row = dict[str, Any]
_ONE_OF_EACH = Usage(1, 1, 1, 1)


def listed(config: Path | None) -> list[Row]:
    """By channel, in the order of the configuration. Money is text, exactly."""
    settings = load_settings(config_path(config))
    book, at = price_book(settings), SystemClock().now()
    rows = []
    for channel in channels_of(settings):
        price = book.cost_usd(channel, _ONE_OF_EACH, at)
        prices = None if price.used is None else prices_fields(price.used)
        common: Row = {"channel": channel.id, "provider": channel.provider, "model": channel.model}
        rows.append(common | {"source": price.source, "prices": prices})
    return rows


def show_prices(rows: list[Row]) -> None:
    made = table(
        "channel", "model", "from", ">input", ">cached", ">written", ">output", ">reasoning", ">request", "of"
    )
    for row in rows:
        prices = row["prices"] or {}
        names = ("input", "cached_input", "cache_write", "output", "reasoning")
        money = [prices.get(name, "–") for name in names] if prices else ["–"] * 5
        made.add_row(
            text(row["channel"], "bold"),
            text(f"{row['provider']}/{row['model']}"),
            text(row["source"], "bold red" if row["source"] == "unpriced" else ""),
            *money,
            prices.get("request", "–"),
            text(f"{prices.get('dated', '')} {prices.get('book', '')}"),
        )
    out = console()
    out.print("US dollars per million tokens, and per request:")
    out.print(made)
    if missing := [row["channel"] for row in rows if row["source"] == "unpriced"]:
        out.print(
            text(
                f"No price is known of {', '.join(missing)}: give it one with `price:` in the file.",
                "bold red",
            )
        )
