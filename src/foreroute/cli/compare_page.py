# ruff: noqa: PLC0415 - Plotly is loaded when a report is written
"""The report of a comparison of policies: what forecasts change, then each scenario with its regrets drawn."""

from html import escape
from pathlib import Path
from typing import Any

from foreroute.cli import page_file
from foreroute.cli.compare_answer import Row
from foreroute.cli.compare_view import COLUMNS, NOTE, change, verdict, written
from foreroute.cli.page_file import BLUE, GREY, INK, drawn, page_of, table


def check(path: Path) -> None:
    """Raises MissingExtra without Plotly, or CommandError where no file can be: before anything long is begun."""
    page_file.check(path, "`foreroute simulate compare --html`")


def write(path: Path, answer: Row) -> None:
    page_file.write(path, page(answer))


def page(answer: Row) -> str:
    sections = "".join(_section(number, scenario) for number, scenario in enumerate(answer["scenarios"]))
    missing = "".join(f"<p>{escape(line)}</p>" for line in answer["left_out"])
    return page_of(
        "Foreroute: policies compared",
        f"<h1>Policies compared</h1><p>{answer['seeds']} seeds of each scenario. Every policy met the same world, the "
        f'same users and the same luck.</p><p class="note">{escape(NOTE)}</p>{missing}'
        "<h2>What forecasts change</h2><p>Foreroute against the same loop without forecasts, seed by seed; below 0 "
        f"forecasts help.</p>{_forecasts(answer)}{sections}<h2>Who plays</h2>"
        f"{table(['policy', 'what it does'], answer['policies'].items())}",
    )


def _forecasts(answer: Row) -> str:
    rows = (
        [scenario["scenario"], COLUMNS[figure][0], change(figure, row), verdict(row)]
        for scenario in answer["scenarios"]
        for figure, row in scenario["forecasts"].items()
    )
    return table(["scenario", "figure", "difference and 95 % interval", "verdict"], rows)


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
        f"{drawn(_regrets(figures), f'regret{place}', 420)}</section>{table(heads, rows)}"
        f"<p>Foreroute against each, mean loss of a request:</p>{_others(scenario)}"
    )


def _others(scenario: Row) -> str:
    rows = (
        [name, change("loss_s", pairs["loss_s"]), verdict(pairs["loss_s"])]
        for name, pairs in scenario["others"].items()
        if "loss_s" in pairs
    )
    return table(["against", "difference and 95 % interval", "verdict"], rows)


def _regrets(figures: Row) -> Any:
    from plotly.graph_objects import Bar, Figure

    played = [name for name in figures if name != "oracle"]
    regrets = [figures[name]["loss_s"]["regret"] for name in played]
    figure = Figure(
        Bar(
            x=[regret["mean"] for regret in regrets],
            y=played,
            orientation="h",
            marker_color=[BLUE if name == "foreroute" else GREY for name in played],
            error_x={"type": "data", "array": [_half(regret) for regret in regrets], "color": INK},
        )
    )
    figure.update_xaxes(title="seconds of loss a request, above the oracle's", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(title="Regret, with 95 % intervals")
    return figure


def _half(row: Row) -> float:
    return 0.0 if row["upper"] is None else float(row["upper"] - row["lower"]) / 2.0
