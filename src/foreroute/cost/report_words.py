"""A period's report as a mail says it: a subject, a few lines of text, and one light HTML file. Pure."""

from html import escape
from typing import Final

from foreroute.core.ledger import Metered
from foreroute.cost.report import NONE_NAME, By, Line, SpendReport, share
from foreroute.cost.report_rows import plain

_TEXT_LINES: Final = 5
_TOLD: Final = (By.CHANNEL, By.ROUTE, By.TEAM)
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#0e1a24;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}"
    "th,td{padding:.35rem .6rem;text-align:right;border-bottom:1px solid #d9dfe4}"
    "th:first-child,td:first-child{text-align:left}"
    ".bar{background:#1d4ed8;height:.6rem;display:block;border-radius:2px}"
    ".worse{color:#b3261e;font-weight:600}td.wide{width:30%}"
)


def subject(report: SpendReport) -> str:
    return f"Foreroute: {_usd(report.total)} in the {report.period.value} {report.window.name}"


def text(report: SpendReport) -> str:
    """The total, how it has changed, what is unpriced, and the dearest lines of each division that tells something."""
    parts = [_summary(report)]
    if report.total.unpriced_attempts:
        parts.append(_unpriced(report.total))
    for by in _TOLD:
        lines = report.by[by]
        if len(lines) > 1 or (lines and lines[0].name != NONE_NAME):
            parts.append("\n".join([f"By {by.value}:", *_text_lines(lines, report.total)]))
    return "\n\n".join(parts) + "\n"


def html(report: SpendReport) -> str:
    """Every division in full. Needs nothing else, not even a script: mail programs show it."""
    sections = "".join(_section(by, report) for by in By if report.by[by])
    said = f"<p>{escape(_summary(report))}</p>"
    if report.total.unpriced_attempts:
        said += f'<p class="worse">{escape(_unpriced(report.total))}</p>'
    title = f"Cost of {report.window.name}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{said}{sections}</body></html>\n"
    )


def _summary(report: SpendReport) -> str:
    total, before = report.total, report.before
    change = ""
    if before.cost_usd:
        ratio = float(total.cost_usd / before.cost_usd) - 1.0
        change = f" ({ratio:+.1%})"
    return (
        f"{_usd(total)} for {total.attempts:,} attempts in the {report.period.value} {report.window.name} "
        f"({report.time_zone}). The {report.period.value} before: {_usd(before)}{change}."
    )


def _unpriced(total: Metered) -> str:
    return f"{total.unpriced_attempts:,} attempts have no known price and are in no sum: see `foreroute cost prices`."


def _text_lines(lines: tuple[Line, ...], total: Metered) -> list[str]:
    shown = [
        f"  {line.name}: {_usd(line.metered)} ({share(line.metered.cost_usd, total.cost_usd):.1%})"
        for line in lines[:_TEXT_LINES]
    ]
    more = len(lines) - _TEXT_LINES
    return [*shown, f"  and {more} more"] if more > 0 else shown


def _section(by: By, report: SpendReport) -> str:
    heads = (by.value, "US dollars", "share", "", "attempts", "unpriced", "input", "cached", "output")
    found = "".join(f"<th>{escape(head)}</th>" for head in heads)
    lines = [*report.by[by], Line("total", report.total)]
    body = "".join(_row(line, report.total) for line in lines)
    return f"<h2>By {escape(by.value)}</h2><table><tr>{found}</tr>{body}</table>"


def _row(line: Line, total: Metered) -> str:
    one = line.metered
    part = share(one.cost_usd, total.cost_usd)
    bar = f'<td class="wide"><span class="bar" style="width:{100.0 * part:.1f}%"></span></td>'
    counts = (
        one.attempts,
        one.unpriced_attempts,
        one.input_tokens + one.cache_write_tokens,
        one.cached_input_tokens,
        one.output_tokens,
    )
    cells = "".join(f"<td>{count:,}</td>" for count in counts)
    return f"<tr><td>{escape(line.name)}</td><td>{_usd(one)}</td><td>{part:.1%}</td>{bar}{cells}</tr>"


def _usd(metered: Metered) -> str:
    if metered.attempts and metered.unpriced_attempts == metered.attempts:
        return "unpriced"
    return f"${plain(metered.cost_usd)}"
