"""The tables of docs/policies.md, from the figures on record."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bench.figures import Figures

_FIGURES: Final = ("p50_s", "p95_s", "p99_s", "violations", "failures", "cost_usd", "loss_s")
_RATIOS: Final = frozenset({"violations", "failures"})
_POLICIES: Final = (
    "oracle", "foreroute", "without_forecasts", "gateway", "litellm", "routewise", "peak_ewma", "thresholds", "round_robin",
    "static", "clairvoyant",
)  # fmt: skip
_STORIES: Final = {
    "ramp": "The busiest channel slows down to three times over 40 minutes, and recovers; it can be seen coming",
    "stop": "The busiest channel refuses connections for a quarter of an hour, out of the blue",
    "surge": "Three times the traffic for a quarter of an hour",
    "calm": "Nothing but the usual ups and downs",
    "brownout": "Two fifths of one channel's requests fail for 20 minutes, out of the blue",
    "region": "The hosted channels of one region fail together for ten minutes",
}
_HEADS: Final = (
    "p50, s | p95, s | p99, s | late | failed | $ of 1,000 | loss, s | regret, s | loss: Foreroute minus it"
)
_NAMES: Final = {
    "p50_s": "p50", "p95_s": "p95", "p99_s": "p99", "violations": "late", "failures": "failed", "cost_usd": "$/1,000",
    "loss_s": "loss",
}  # fmt: skip

Rows = Mapping[str, Mapping[str, Any]]


def scenarios(figures: Figures) -> str:
    """One table a scenario, every policy in it."""
    rows = _rows(figures)
    return "\n".join(
        line
        for name in _STORIES
        if f"policies.{name}.oracle.loss_s" in rows
        for line in _scenario(name, rows)
    )


def forecasts(figures: Figures) -> str:
    """What forecasts change, scenario by scenario."""
    rows = _rows(figures)
    lines = ["| scenario | figure | with forecasts − without | verdict |", "|---|---|---|---|"]
    for name in _STORIES:
        for figure in _FIGURES:
            row = rows.get(f"policies.{name}.forecasts.{figure}")
            if row is not None:
                change = _signed(row["value"], row["cells"]["interval"], figure)
                lines.append(f"| compare-{name} | {_NAMES[figure]} | {change} | {row['cells']['verdict']} |")
    return "\n".join(lines) + "\n"


def _rows(figures: Figures) -> Rows:
    found: Rows = figures.runs.get("policies", {}).get("rows", {})
    return found


def _scenario(name: str, rows: Rows) -> Iterator[str]:
    seeds = rows[f"policies.{name}.forecasts.loss_s"]["cells"]["seeds"]
    yield f"**{_STORIES[name]}** (`compare-{name}`)\n"
    yield f"| compare-{name}, {seeds} seeds | {_HEADS} |"
    yield "|---" * (len(_HEADS.split(" | ")) + 1) + "|"
    for policy in _POLICIES:
        found = [rows.get(f"policies.{name}.{policy}.{figure}") for figure in _FIGURES]
        if all(row is not None for row in found):
            yield f"| `{policy}` | {' | '.join(_cells(name, policy, rows))} |"
    yield ""


def _cells(name: str, policy: str, rows: Rows) -> Iterator[str]:
    for figure in _FIGURES:
        row = rows[f"policies.{name}.{policy}.{figure}"]
        yield _plus_minus(row["value"], row["cells"]["interval"], figure)
    loss = rows[f"policies.{name}.{policy}.loss_s"]["cells"]
    yield _plus_minus(loss["regret"], loss["regret_interval"], "loss_s")
    lead = rows.get(f"policies.{name}.lead.{policy}")
    yield "" if lead is None else _signed(lead["value"], lead["cells"]["interval"], "loss_s")


def _plus_minus(value: float, interval: list[float], figure: str) -> str:
    half = (interval[1] - interval[0]) / 2.0
    if figure in _RATIOS:
        return f"{value * 100:.2f} % ±{half * 100:.2f}"
    digits = 2 if figure == "cost_usd" else 3
    return f"{value:.{digits}f} ±{half:.{digits}f}"


def _signed(value: float, interval: list[float], figure: str) -> str:
    if figure in _RATIOS:
        low, middle, high = (f"{one * 100:+.2f} %" for one in (interval[0], value, interval[1]))
    else:
        digits = 2 if figure == "cost_usd" else 3
        low, middle, high = (f"{one:+.{digits}f}" for one in (interval[0], value, interval[1]))
    return f"{middle} ({low} … {high})"
