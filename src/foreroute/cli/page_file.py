# ruff: noqa: PLC0415 - Plotly is loaded when a report is written
"""Reports as one HTML file that needs nothing else, drawn with Plotly (extra `report`)."""

import os
from collections.abc import Iterable
from html import escape
from importlib import util
from pathlib import Path
from typing import Any, Final

from foreroute.cli.backtest_style import STYLE
from foreroute.cli.say import CommandError
from foreroute.core.errors import MissingExtra

INK, BLUE, GREY, RED, GREEN = "#0e1a24", "#1d4ed8", "#8a96a0", "#b3261e", "#0b7a4b"
COLOURS: Final = (
    "#1d4ed8", "#0b7a4b", "#b45309", "#7c3aed", "#be185d", "#0e7490", "#4d7c0f", "#9f1239", "#4338ca", "#a16207",
)  # fmt: skip


def check(path: Path, feature: str) -> None:
    """Raises MissingExtra without Plotly, or CommandError where no file can be: before anything long is begun."""
    check_extra(feature)
    if path.is_dir() or not path.parent.is_dir():
        why = "is a folder" if path.is_dir() else f"is in {path.parent}, which is no folder"
        raise CommandError(f"{path} {why}", where="--html", hint="name a file, such as report.html")


def check_extra(feature: str) -> None:
    """Raises MissingExtra without Plotly."""
    if util.find_spec("plotly") is None:
        raise MissingExtra("plotly", "report", feature)


def write(path: Path, content: str, *, where: str = "--html") -> None:
    """Under another name first: whoever looks at `path` sees the old report or the whole new one. `where`: the option
    that named it, for the error.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        try:
            fresh.write_text(content, encoding="utf-8")
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}", where=where) from None


def page_of(title: str, body: str) -> str:
    from plotly.offline import get_plotlyjs

    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style><script>{get_plotlyjs()}</script></head><body><main>{body}</main></body></html>\n"
    )


def drawn(figure: Any, name: str, height: int) -> str:
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 70, "r": 20, "t": 90, "b": 50},
        font={"family": "system-ui, sans-serif", "color": INK},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        title={"x": 0, "xref": "paper", "y": 0.97, "yanchor": "top", "font": {"size": 16}},
    )
    options = {"displaylogo": False, "responsive": True}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=options))


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    found = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{found}</tr></thead><tbody>{body}</tbody></table></div>'
