"""A comparison of policies as tables for a person."""

from typing import Any, Final

from foreroute.cli.compare_answer import Row
from foreroute.cli.say import console, table
from foreroute.simulate.compare_statistics import Verdict

COLUMNS: Final = {
    "p50_s": ("p50", "s"),
    "p95_s": ("p95", "s"),
    "p99_s": ("p99", "s"),
    "violations": ("late", "%"),
    "failures": ("failed", "%"),
    "cost_usd": ("$/1,000", "$"),
    "attempts": ("tries", ""),
    "loss_s": ("loss", "s"),
}
"""Figure → its heading and unit."""
NOTE: Final = (
    "Waiting for the first content, failed attempts included. late: waited longer than the objective, or failed. "
    "loss: seconds waited, one more for a violation, 31 for a failure. regret: loss above the oracle's. "
    "±: half of a 95 % interval over the seeds."
)


def show(answer: Row) -> None:
    out = console()
    for scenario in answer["scenarios"]:
        out.print(f"\n{scenario['scenario']}: {scenario['about']}", markup=False)
        out.print(_figures(scenario["figures"]))
    if any(scenario["forecasts"] for scenario in answer["scenarios"]):
        out.print("\nWhat forecasts change: Foreroute against the same loop without them, seed by seed")
        out.print(_forecasts(answer))
    out.print(f"\n{NOTE} {answer['seeds']} seeds.", markup=False)
    for line in answer["left_out"]:
        out.print(line, markup=False)


def written(figure: str, row: Row) -> str:
    """A mean and half of its interval."""
    return f"{number(figure, row['mean'])}{_margin(figure, row)}"


def number(figure: str, value: float) -> str:
    unit = COLUMNS[figure][1]
    if unit == "%":
        return f"{100.0 * value:.2f} %"
    return f"{value:.2f}" if unit in {"", "$"} else f"{value:.3f}"


def change(figure: str, row: Row) -> str:
    """A difference with its sign, and its interval."""
    if row["lower"] is None:
        return f"{_signed(figure, row['mean'])}"
    return (
        f"{_signed(figure, row['mean'])} ({_signed(figure, row['lower'])} … {_signed(figure, row['upper'])})"
    )


def verdict(row: Row) -> str:
    return "no difference shown" if row["verdict"] == Verdict.NO_DIFFERENCE else str(row["verdict"])


def _figures(found: Row) -> Any:
    made = table("policy", *(f">{heading}" for heading, _ in COLUMNS.values()), ">regret")
    for policy, row in found.items():
        made.add_row(
            policy,
            *(written(figure, row[figure]) for figure in COLUMNS),
            written("loss_s", row["loss_s"]["regret"]),
        )
    return made


def _forecasts(answer: Row) -> Any:
    made = table("scenario", "figure", ">difference", "verdict")
    for scenario in answer["scenarios"]:
        for figure, row in scenario["forecasts"].items():
            made.add_row(scenario["scenario"], COLUMNS[figure][0], change(figure, row), verdict(row))
    return made


def _margin(figure: str, row: Row) -> str:
    if row["upper"] is None:
        return ""
    return f" ±{number(figure, (row['upper'] - row['lower']) / 2.0).removesuffix(' %')}"


def _signed(figure: str, value: float) -> str:
    return f"{'-' if value < 0 else '+'}{number(figure, abs(value))}"
