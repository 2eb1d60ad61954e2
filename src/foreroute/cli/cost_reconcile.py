"""`foreroute cost reconcile`: a provider's bill beside the ledger."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from foreroute.cli.options import config_path
from foreroute.cli.say import CommandError, console, table, text
from foreroute.cli.series_store import on_file
from foreroute.core.ledger import SpendCell
from foreroute.cost.bill import BillLine, read_bill
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Window, days_of, midnight
from foreroute.cost.reconcile import Metering, differences
from foreroute.cost.report import summed
from foreroute.cost.report_rows import plain
from foreroute.settings import load_settings
from foreroute.store.sqlite import SqliteStore

_OF = ("provider", "cloud", "channel", "region", "model")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command line."""

    bill: Path
    only: tuple[str, ...]
    service: str | None
    rates: tuple[str, ...]
    time_zone: str


def compared(config: Path | None, wanted: Wanted) -> dict[str, Any]:
    """Per day and in all. Raises CommandError or HistoryError before anything is compared."""
    only, rates, zone = _only(wanted.only), _rates(wanted.rates), zone_of(wanted.time_zone)
    lines = _of_service(read_bill(_read(wanted.bill), str(wanted.bill), rates=rates), wanted.service)
    first, last = min(line.day for line in lines), max(line.day for line in lines)
    days = days_of(Window("", midnight(first, zone), midnight(last, zone) + 3600.0), zone)

    async def work(store: SqliteStore) -> list[SpendCell]:
        return await store.costs.cells([(day.start_at, day.end_at) for day in days])

    cells = on_file(load_settings(config_path(config)), work)
    ours = [cell for cell in cells if all(getattr(cell.group, name) == value for name, value in only)]
    metered = {}
    for day in days:
        total = summed(cell for cell in ours if cell.start_at == day.start_at)
        metered[date.fromisoformat(day.name)] = Metering(total.cost_usd, total.unpriced_attempts)
    found = differences(lines, metered)
    billed, known = sum((one.billed_usd for one in found), Decimal(0)), summed(ours)
    return {
        "bill": str(wanted.bill),
        "time_zone": wanted.time_zone,
        "only": dict(only),
        "billed_usd": plain(billed),
        "metered_usd": plain(known.cost_usd),
        "difference_usd": plain(billed - known.cost_usd),
        "unpriced_attempts": known.unpriced_attempts,
        "days": [
            {
                "day": one.day.isoformat(),
                "billed_usd": plain(one.billed_usd),
                "metered_usd": plain(one.metered_usd),
                "difference_usd": plain(one.difference_usd),
                "unpriced_attempts": one.unpriced_attempts,
            }
            for one in found
        ],
    }


def show_differences(answer: dict[str, Any]) -> None:
    made = table("day", ">billed", ">metered", ">difference", ">unpriced")
    total = {"day": "total"} | {name: answer[name] for name in answer if name.endswith(("usd", "attempts"))}
    for row in [*answer["days"], total]:
        unpriced = row["unpriced_attempts"]
        made.add_row(
            text(row["day"], "bold" if row is total else ""),
            row["billed_usd"],
            row["metered_usd"],
            row["difference_usd"],
            text(f"{unpriced:,}", "bold red" if unpriced else ""),
        )
    out = console()
    out.print(made)
    if answer["unpriced_attempts"]:
        out.print(text("Unpriced attempts are billed and in no sum of ours.", "bold red"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise CommandError(f"cannot be read: {why}", where=str(path)) from None


def _of_service(lines: tuple[BillLine, ...], service: str | None) -> tuple[BillLine, ...]:
    if service is None:
        return lines
    chosen = tuple(line for line in lines if service.lower() in line.service.lower())
    if not chosen:
        names = ", ".join(sorted({line.service for line in lines if line.service})[:10])
        raise CommandError(
            f"no line of the bill is of {service!r}",
            where="--service",
            hint=f"it has: {names or 'no services'}",
        )
    return chosen


def _only(pairs: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark or name not in _OF:
            raise CommandError(
                f"{pair!r} is no choice",
                where="--only",
                hint=f"write {' or '.join(f'{one}=…' for one in _OF)}",
            )
        found.append((name, value))
    return found


def _rates(pairs: tuple[str, ...]) -> dict[str, Decimal]:
    found = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            rate = Decimal(value)
        except InvalidOperation:
            rate = Decimal(0)
        if len(name) != 3 or not name.isalpha() or not (rate.is_finite() and rate > 0):
            raise CommandError(f"{pair!r} is no rate", where="--rate", hint="write EUR=1.08")
        found[name.upper()] = rate
    return found
