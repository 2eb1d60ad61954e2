# ruff: noqa: PLC0415 - Plotly is loaded when a page is made
"""The report of a period: one HTML file that needs nothing else, drawn with Plotly (extra `report`)."""

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from foreroute.cli import page_file
from foreroute.core.ledger import Metered
from foreroute.cost.report import By, Line, SpendReport, share
from foreroute.cost.report_rows import plain

_INK, _BLUE = "#0e1a24", "#1d4ed8"
_DRAWN_MAX: Final = 12


def check() -> None:
    """Raises MissingExtra without Plotly."""
    page_file.check_extra("`foreroute cost report --format html`")


def page(report: SpendReport, savings: Sequence[str] = ()) -> str:
    """`savings`: what is to be said of them, in sentences."""
    check()
    saved = "".join(f"<p>{escape(line)}</p>" for line in savings)
    shown = [by for by in By if by is not By.DAY and report.by[by]]
    parts = "".join(_section(report, by) for by in shown)
    return page_file.page_of(
        f"Foreroute cost report {report.window.name}",
        f"<h1>Cost of {escape(report.window.name)}</h1>{_summary(report)}{saved}"
        f"<section><h2>By day</h2>{_drawn(_days(report), 'days', 340)}</section>{parts}",
    )


def _summary(report: SpendReport) -> str:
    total = report.total
    said = (
        f"<p>{_usd(total)} for {total.attempts:,} attempts, in the time zone {escape(report.time_zone)}. "
        f"The {report.period.value} before: {_usd(report.before)}. Every table adds up to the same total.</p>"
    )
    if total.unpriced_attempts:
        said += f'<p class="worse">{total.unpriced_attempts:,} attempts have no known price and are in no sum.</p>'
    return said


def _section(report: SpendReport, by: By) -> str:
    lines = report.by[by]
    chart = (
        _drawn(_bars(lines), f"by-{by.value}", 90 + 30 * min(len(lines), _DRAWN_MAX))
        if len(lines) > 1
        else ""
    )
    heads = (by.value, "US dollars", "share", "attempts", "unpriced", "input", "cached", "written", "output")
    body = "".join(_row(line, report.total) for line in [*lines, Line("total", report.total)])
    found = "".join(f"<th>{escape(head)}</th>" for head in heads)
    table = f'<div class="wide"><table><thead><tr>{found}</tr></thead><tbody>{body}</tbody></table></div>'
    return f"<section><h2>By {escape(by.value)}</h2>{chart}{table}</section>"


def _row(line: Line, total: Metered) -> str:
    one = line.metered
    tokens = (one.input_tokens, one.cached_input_tokens, one.cache_write_tokens, one.output_tokens)
    cells = [
        escape(line.name),
        _usd(one),
        f"{share(one.cost_usd, total.cost_usd):.1%}",
        f"{one.attempts:,}",
        f"{one.unpriced_attempts:,}",
        *(f"{count:,}" for count in tokens),
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _days(report: SpendReport) -> Any:
    from plotly.graph_objects import Figure

    lines = report.by[By.DAY]
    figure = Figure()
    figure.add_bar(
        x=[line.name for line in lines],
        y=[float(line.metered.cost_usd) for line in lines],
        marker_color=_BLUE,
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(title="US dollars", rangemode="tozero")
    return figure


def _bars(lines: tuple[Line, ...]) -> Any:
    from plotly.graph_objects import Figure

    shown = lines[:_DRAWN_MAX][::-1]
    figure = Figure()
    figure.add_bar(
        x=[float(line.metered.cost_usd) for line in shown],
        y=[line.name for line in shown],
        orientation="h",
        marker_color=_BLUE,
    )
    figure.update_yaxes(type="category", automargin=True)
    figure.update_xaxes(title="US dollars", rangemode="tozero")
    return figure


def _drawn(figure: Any, name: str, height: int) -> str:
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 70, "r": 20, "t": 10, "b": 50},
        font={"family": "system-ui, sans-serif", "color": _INK},
        showlegend=False,
    )
    return str(
        figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=name,
            config={"displaylogo": False, "responsive": True},
        )
    )


def _usd(metered: Metered) -> str:
    if metered.attempts and metered.unpriced_attempts == metered.attempts:
        return "unpriced"
    return f"${plain(metered.cost_usd)}"
