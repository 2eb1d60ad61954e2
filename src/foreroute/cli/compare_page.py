# ruff: noqa: PLC0415 - Plotly is loaded when a report is written
"""The report of a comparison: one HTML file that needs nothing else, drawn with Plotly (extra `report`)."""

import os
from collections.abc import Iterable, Sequence
from html import escape
from importlib import util
from pathlib import Path
from typing import Any, Final

from foreroute.cli.backtest_style import STYLE
from foreroute.cli.compare_answer import Row
from foreroute.cli.compare_view import COLUMNS, NOTE, change, verdict, written
from foreroute.cli.say import CommandError
from foreroute.core.errors import MissingExtra

_INK, _OURS, _OTHERS = "#0e1a24", "#1d4ed8", "#8a96a0"
_CLASSES: Final = {"better": "better", "worse": "worse"}


def check(path: Path) -> None:
    """Raises MissingExtra without Plotly, or CommandError where no file can be: before anything long is begun."""
    if util.find_spec("plotly") is None:
        raise MissingExtra("plotly", "report", "`foreroute simulate compare --html`")
    if path.is_dir() or not path.parent.is_dir():
        why = "is a folder" if path.is_dir() else f"is in {path.parent}, which is no folder"
        raise CommandError(f"{path} {why}", where="--html", hint="name a file, such as compare.html")


def write(path: Path, answer: Row) -> None:
    """Under another name first: whoever looks at `path` sees the old report or the whole new one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        try:
            fresh.write_text(page(answer), encoding="utf-8")
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}", where="--html") from None


def page(answer: Row) -> str:
    from plotly.offline import get_plotlyjs

    sections = "".join(_section(number, scenario) for number, scenario in enumerate(answer["scenarios"]))
    missing = "".join(f"<p>{escape(line)}</p>" for line in answer["left_out"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Foreroute: policies compared</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style><script>{get_plotlyjs()}</script></head><body><main>"
        f"<h1>Policies compared</h1><p>{answer['seeds']} seeds of each scenario. Every policy met the same world, the same "
        f'users and the same luck.</p><p class="note">{escape(NOTE)}</p>{missing}'
        f"<h2>What forecasts change</h2><p>Foreroute against the same loop without forecasts, seed by seed; below 0 "
        f"forecasts help.</p>{_forecasts(answer)}{sections}<h2>Who plays</h2>{_players(answer['policies'])}"
        "</main></body></html>\n"
    )


def _forecasts(answer: Row) -> str:
    rows = (
        [scenario["scenario"], COLUMNS[figure][0], change(figure, row), verdict(row)]
        for scenario in answer["scenarios"]
        for figure, row in scenario["forecasts"].items()
    )
    return _table(["scenario", "figure", "difference and 95 % interval", "verdict"], rows)


def _section(place: int, scenario: Row) -> str:
    figures = scenario["figures"]
    rows = (
        [
            policy,
            *(written(figure, row[figure]) for figure in COLUMNS),
            written("loss_s", row["loss_s"]["regret"]),
        ]
        for policy, row in figures.items()
    )
    heads = ["policy", *(heading for heading, _ in COLUMNS.values()), "regret"]
    return (
        f"<section><h2>{escape(scenario['scenario'])} <small>{escape(scenario['about'])}</small></h2>"
        f"{_drawn(_regrets(figures), f'regret{place}')}</section>{_table(heads, rows)}"
        f"<p>Foreroute against each, mean loss of a request:</p>{_others(scenario)}"
    )


def _others(scenario: Row) -> str:
    rows = (
        [name, change("loss_s", pairs["loss_s"]), verdict(pairs["loss_s"])]
        for name, pairs in scenario["others"].items()
        if "loss_s" in pairs
    )
    return _table(["against", "difference and 95 % interval", "verdict"], rows)


def _regrets(figures: Row) -> Any:
    from plotly.graph_objects import Bar, Figure

    played = [name for name in figures if name != "oracle"]
    regrets = [figures[name]["loss_s"]["regret"] for name in played]
    figure = Figure(
        Bar(
            x=[regret["mean"] for regret in regrets],
            y=played,
            orientation="h",
            marker_color=[_OURS if name == "foreroute" else _OTHERS for name in played],
            error_x={"type": "data", "array": [_half(regret) for regret in regrets], "color": _INK},
        )
    )
    figure.update_xaxes(title="regret: seconds of loss a request above the oracle", rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return figure


def _half(row: Row) -> float:
    return 0.0 if row["upper"] is None else float(row["upper"] - row["lower"]) / 2.0


def _drawn(figure: Any, name: str) -> str:
    figure.update_layout(
        template="plotly_white",
        height=360,
        margin={"l": 150, "r": 20, "t": 20, "b": 50},
        font={"family": "system-ui, sans-serif", "color": _INK},
    )
    config = {"displaylogo": False, "responsive": True}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=config))


def _players(policies: Row) -> str:
    return _table(["policy", "what it does"], ([name, about] for name, about in policies.items()))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    found = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{found}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: str) -> str:
    marked = _CLASSES.get(value)
    return f"<td>{escape(value)}</td>" if marked is None else f'<td class="{marked}">{escape(value)}</td>'
