"""`foreroute cost show` and `report`: the same report of the store's file in every form."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foreroute.cli import page_file
from foreroute.cli.cost_savings import month_row, said_of
from foreroute.cli.language import say
from foreroute.cli.options import config_path
from foreroute.cli.say import CommandError, console, print_json, table, text
from foreroute.cli.series_store import on_file
from foreroute.clock import SystemClock
from foreroute.core.keys import KeyBook
from foreroute.core.ledger import Metered, SpendCell
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Period
from foreroute.cost.focus import focus_csv
from foreroute.cost.report import Asked, By, Line, SpendReport, asked, share, spend_report
from foreroute.cost.report_names import named
from foreroute.cost.report_rows import plain, report_csv, report_row
from foreroute.settings import load_settings
from foreroute.store.sqlite import SqliteStore

_LINES_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Found:
    report: SpendReport
    cells: tuple[SpendCell, ...]
    asked: Asked
    savings: dict[str, Any] | None = None
    """Of a month in which some were measured."""

    @property
    def row(self) -> dict[str, Any]:
        return report_row(self.report) | ({} if self.savings is None else {"savings": self.savings})


def by_named(name: str) -> By:
    try:
        return By(name)
    except ValueError:
        raise CommandError(
            f"there is no division by {name!r}", where="--by", hint=f"one of {', '.join(By)}"
        ) from None


def load(config: Path | None, period: str, back: int) -> Found:
    """The report of the configured store."""
    settings = load_settings(config_path(config))
    zone = settings.cost.time_zone
    wanted = asked(Period(period), SystemClock().now(), zone_of(zone), zone, back=back)

    async def work(store: SqliteStore) -> tuple[list[SpendCell], KeyBook, dict[str, Any] | None]:
        saved = None if period != Period.MONTH.value else await month_row(settings, store, back)
        return await store.costs.cells(wanted.windows), await store.keys.read(), saved

    cells, book, saved = on_file(settings, work)
    return Found(named(spend_report(wanted, cells), book), tuple(cells), wanted, saved)


def division(report: SpendReport, by: By) -> dict[str, Any]:
    row = report_row(report)
    lines = row.pop("by")[by.value]
    return row | {"by": by.value, "lines": lines}


def put(found: Found, form: str, output: Path | None) -> None:
    """To the file, or to stdout."""
    if form == "json" and output is None:
        print_json(found.row)
        return
    written = _text(found, form)
    if output is None:
        sys.stdout.write(written)
        return
    page_file.write(output, written, where="--output")


def _text(found: Found, form: str) -> str:
    match form:
        case "csv":
            return report_csv(found.report)
        case "focus":
            days = {day.start_at for day in found.asked.days}
            cells = [cell for cell in found.cells if cell.start_at in days]
            return focus_csv(cells, zone_of(found.asked.time_zone))
        case "html":
            from foreroute.cli.cost_page import page  # noqa: PLC0415 - Plotly is loaded when a page is made

            return page(found.report, said_of(found.savings))
        case "json":
            import json  # noqa: PLC0415

            return json.dumps(found.row, ensure_ascii=False) + "\n"
        case _:
            return _plain(found)


def _plain(found: Found) -> str:
    from io import StringIO  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    out = StringIO()
    _print_report(Console(file=out, width=160, highlight=False), found)
    return out.getvalue()


def show_report(found: Found) -> None:
    _print_report(console(), found)


def _print_report(out: Any, found: Found) -> None:
    report = found.report
    _head(out, report)
    for line in said_of(found.savings):
        out.print(text(line))
    for by in By:
        lines = report.by[by]
        if by is By.DAY or any(line.metered.attempts for line in lines):
            out.print(_lines(by, lines, report.total))


def show_division(report: SpendReport, by: By) -> None:
    out = console()
    _head(out, report)
    out.print(_lines(by, report.by[by], report.total, most=10_000))


def _head(out: Any, report: SpendReport) -> None:
    total = report.total
    out.print(
        say(
            "cost.head",
            window=report.window.name,
            period=say(f"window.{report.period.value}"),
            zone=report.time_zone,
            total=dollars(total),
            attempts=f"{total.attempts:,}",
            before=dollars(report.before),
        )
    )
    if total.unpriced_attempts:
        out.print(
            text(
                say("cost.unpriced", count=f"{total.unpriced_attempts:,}"),
                "bold red",
            )
        )


def _lines(by: By, lines: Sequence[Line], total: Metered, most: int = _LINES_MAX) -> Any:
    made = table(*say("cost.columns", by=say(f"by.{by.value}")).split("|"))
    cut = by is not By.DAY and len(lines) > most
    shown = list(lines[: most - 1]) if cut else list(lines)
    if cut:
        rest = sum((line.metered for line in lines[most - 1 :]), Metered())
        shown.append(Line(say("cost.more", count=len(lines) - most + 1), rest))
    name = say("cost.total")
    for line in [*shown, Line(name, total)]:
        one = line.metered
        made.add_row(
            text(line.name, "bold" if line.name == name else ""),
            dollars(one),
            f"{share(one.cost_usd, total.cost_usd):.1%}",
            f"{one.attempts:,}",
            text(f"{one.unpriced_attempts:,}", "bold red" if one.unpriced_attempts else ""),
            f"{one.input_tokens + one.cache_write_tokens:,}",
            f"{one.cached_input_tokens:,}",
            f"{one.output_tokens:,}",
        )
    return made


def dollars(metered: Metered) -> str:
    """All digits of what is known; a sum of nothing but unpriced attempts is not zero."""
    if metered.attempts and metered.unpriced_attempts == metered.attempts:
        return say("unpriced")
    return f"${plain(metered.cost_usd)}"
