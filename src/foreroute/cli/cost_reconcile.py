"""`foreroute cost reconcile`: a provider's bill beside the ledger."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from foreroute.cli.options import config_path
from foreroute.cli.say import CommandError, console, table, text
from foreroute.cli.series_store import on_file
from foreroute.clock import SystemClock
from foreroute.core.ledger import SpendCell
from foreroute.cost.bill import BillLine, BillSource, read_bill
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Window, days_of, midnight
from foreroute.cost.cost_explorer import WHERE, AwsSpan, aws_bill
from foreroute.cost.reconcile import DayDifference, Metering, ModelDifference, by_model, differences
from foreroute.cost.report import divided, summed
from foreroute.cost.report_rows import plain
from foreroute.settings import load_settings
from foreroute.store.sqlite import SqliteStore

_OF = ("provider", "cloud", "channel", "region", "model")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command line."""

    bill: Path | None
    source: str | None
    since: str | None
    until: str | None
    named: tuple[str, ...]
    only: tuple[str, ...]
    service: str | None
    rates: tuple[str, ...]
    time_zone: str


def compared(config: Path | None, wanted: Wanted) -> dict[str, Any]:
    """Per day, per model and in all. Raises CommandError or HistoryError before anything is compared."""
    only, zone, named = _only(wanted.only), zone_of(wanted.time_zone), _named(wanted.named)
    lines = _of_service(_lines(wanted), wanted.service)
    first, last = min(line.day for line in lines), max(line.day for line in lines)
    days = days_of(Window("", midnight(first, zone), midnight(last, zone) + 3600.0), zone)

    async def work(store: SqliteStore) -> list[SpendCell]:
        return await store.costs.cells([(day.start_at, day.end_at) for day in days])

    cells = on_file(load_settings(config_path(config)), work)
    ours = [cell for cell in cells if all(getattr(cell.group, name) == value for name, value in only)]
    by_day = {}
    for day in days:
        total = summed(cell for cell in ours if cell.start_at == day.start_at)
        by_day[date.fromisoformat(day.name)] = Metering(total.cost_usd, total.unpriced_attempts)
    models = {
        line.name: Metering(line.metered.cost_usd, line.metered.unpriced_attempts)
        for line in divided(ours, lambda group: group.model)
    }
    found = differences(lines, by_day)
    billed, known = sum((one.billed_usd for one in found), Decimal(0)), summed(ours)
    return {
        "bill": WHERE if wanted.bill is None else str(wanted.bill),
        "time_zone": wanted.time_zone,
        "only": dict(only),
        "billed_usd": plain(billed),
        "metered_usd": plain(known.cost_usd),
        "difference_usd": plain(billed - known.cost_usd),
        "unpriced_attempts": known.unpriced_attempts,
        "days": [{"day": one.day.isoformat()} | _amounts(one) for one in found],
        "models": [{"model": one.model} | _amounts(one) for one in by_model(lines, models, named)],
    }


def _amounts(one: DayDifference | ModelDifference) -> dict[str, Any]:
    return {
        "billed_usd": plain(one.billed_usd),
        "metered_usd": plain(one.metered_usd),
        "difference_usd": plain(one.difference_usd),
        "unpriced_attempts": one.unpriced_attempts,
    }


def show_differences(answer: dict[str, Any]) -> None:
    out = console()
    total = {name: answer[name] for name in answer if name.endswith(("usd", "attempts"))}
    for what, rows in (("day", answer["days"]), ("model", answer["models"])):
        made = table(what, ">billed", ">metered", ">difference", ">unpriced")
        for row in [*rows, {what: "total"} | total]:
            unpriced = row["unpriced_attempts"]
            made.add_row(
                text(row[what], "bold" if row[what] == "total" else ""),
                row["billed_usd"],
                row["metered_usd"],
                row["difference_usd"],
                text(f"{unpriced:,}", "bold red" if unpriced else ""),
            )
        out.print(made)
    if answer["unpriced_attempts"]:
        out.print(text("Unpriced attempts are billed and in no sum of ours.", "bold red"))


def _lines(wanted: Wanted) -> tuple[BillLine, ...]:
    """Of the file, or for AWS without one, of Cost Explorer."""
    source, rates = _source(wanted.source), _rates(wanted.rates)
    if wanted.bill is not None:
        if wanted.since or wanted.until:
            raise CommandError(
                "a file has its own days", where="--since", hint="leave --since and --until away"
            )
        return read_bill(_read(wanted.bill), str(wanted.bill), rates=rates, source=source)
    if source is not BillSource.AWS:
        hint = "name its file; only --from aws fetches one by itself"
        raise CommandError("there is no bill to compare with", where="BILL", hint=hint)
    until = _date(wanted.until, "--until", SystemClock().now())
    since = until.replace(day=1) if wanted.since is None else _date(wanted.since, "--since", 0.0)
    if since == until:
        since = (since - timedelta(days=1)).replace(day=1)
    if since > until:
        raise CommandError(
            f"{since} is after {until}", where="--since", hint="--until is the day after the last"
        )
    return aws_bill(AwsSpan(since=since, until=until), rates)


def _source(name: str | None) -> BillSource | None:
    try:
        return None if name is None else BillSource(name)
    except ValueError:
        raise CommandError(
            f"there is no bill from {name!r}", where="--from", hint=f"one of {', '.join(BillSource)}"
        ) from None


def _date(value: str | None, where: str, now: float) -> date:
    if value is None:
        return datetime.fromtimestamp(now, UTC).date()
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise CommandError(f"{value!r} is no day", where=where, hint="write it as 2026-11-02") from None


def _named(pairs: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        look, mark, model = pair.rpartition("=")
        if not (mark and look and model):
            raise CommandError(
                f"{pair!r} names no model", where="--named", hint="write Claude4Sonnet=claude-sonnet-4"
            )
        found[look] = model
    return found


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
