"""Policies side by side in simulated worlds: Foreroute, the same loop without forecasts, others, and an oracle.

What `foreroute simulate compare` plays, as rows: `policies.<scenario>.<policy>.<figure>` with 95 % intervals over the
seeds, and `policies.<scenario>.forecasts.<figure>` for what forecasts change, `policies.<scenario>.lead.<policy>` for who loses less. `POLICIES_RESULTS=FOLDER` keeps the figures
of each run, so that a run that was stopped goes on where it was.
"""

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import foreroute
from bench.report import Row
from foreroute.app.policies import FOREROUTE, ROUTEWISE, WITHOUT_FORECASTS, entrants
from foreroute.simulate.compare import compare
from foreroute.simulate.compare_contests import QUICK, STANDARD, contest_of
from foreroute.simulate.compare_kept import KeptFigures, program_of
from foreroute.simulate.compare_statistics import Estimate
from foreroute.simulate.compare_table import ORACLE, ByPolicy, cells, differences
from foreroute.simulate.policies import routewise

_SEEDS, _QUICK_SEEDS = 20, 2
_UNITS: Final = {
    "p50_s": "s",
    "p95_s": "s",
    "p99_s": "s",
    "violations": "ratio",
    "failures": "ratio",
    "cost_usd": "USD/1000",
    "attempts": "1",
    "loss_s": "s",
}
_SLACK: Final = 1e-6
_NEVER_BEATEN: Final = ("p50_s", "p95_s", "p99_s", "violations", "failures", "loss_s")
_HOW: Final = (
    "policies: every policy plays the same worlds, users and luck; one hour of each scenario is scored after an hour of calm. "
    "Waits are for the first content, failed attempts included; loss is seconds waited, one more for a violation and 31 for a "
    "failure. Intervals: Student's, 95 %, over seeds; differences are paired by seed."
)


def run(*, quick: bool) -> list[Row]:
    if not routewise.is_installed():
        print(f"policies: {ROUTEWISE} is left out. {routewise.missing()}", file=sys.stderr)
    folder = os.environ.get("POLICIES_RESULTS")
    kept = KeptFigures(Path(folder) if folder else None, program_of(Path(foreroute.__file__).parent))
    contests = [contest_of(name) for name in (QUICK if quick else STANDARD)]
    seeds = range(1, 1 + (_QUICK_SEEDS if quick else _SEEDS))
    found = compare(contests, entrants(), seeds, kept=kept, tell=lambda line: print(line, file=sys.stderr))
    rows = [_beaten(found)]
    for name, by_policy in found.items():
        rows += _figures(name, by_policy)
        rows += _forecasts(name, by_policy)
        rows += _leads(name, by_policy)
    return rows


def _figures(scenario: str, found: ByPolicy) -> list[Row]:
    return [
        Row(
            id=f"policies.{_short(scenario)}.{cell.policy}.{cell.figure}",
            what=f"{scenario}: {cell.policy}, {cell.figure}",
            value=cell.value.mean,
            unit=_UNITS[cell.figure],
            baseline=None if cell.policy == ORACLE else f"oracle {cell.value.mean - cell.regret.mean:.4g}",
            how=_HOW,
            cells={
                "interval": _bounds(cell.value),
                "regret": cell.regret.mean,
                "regret_interval": _bounds(cell.regret),
            },
        )
        for cell in cells(scenario, found)
    ]


def _forecasts(scenario: str, found: ByPolicy) -> list[Row]:
    return [
        Row(
            id=f"policies.{_short(scenario)}.forecasts.{one.figure}",
            what=f"{scenario}: Foreroute minus the same without forecasts, {one.figure}",
            value=one.difference.mean,
            unit=_UNITS[one.figure],
            baseline=f"{one.verdict.value}{_said(one.difference)}",
            how=_HOW,
            cells={"interval": _bounds(one.difference), "verdict": one.verdict.value, "seeds": one.seeds},
        )
        for one in differences(scenario, found, FOREROUTE, WITHOUT_FORECASTS)
    ]


def _leads(scenario: str, found: ByPolicy) -> list[Row]:
    """Who loses less by a request, Foreroute or another: below 0 Foreroute."""
    return [
        Row(
            id=f"policies.{_short(scenario)}.lead.{policy}",
            what=f"{scenario}: loss of Foreroute minus that of {policy}",
            value=one.difference.mean,
            unit="s",
            baseline=f"{one.verdict.value}{_said(one.difference)}",
            how=_HOW,
            cells={"interval": _bounds(one.difference), "verdict": one.verdict.value, "seeds": one.seeds},
        )
        for policy in found
        if policy not in (FOREROUTE, ORACLE)
        for one in differences(scenario, found, FOREROUTE, policy)
        if one.figure == "loss_s"
    ]


def _beaten(found: Mapping[str, ByPolicy]) -> Row:
    times = sum(
        getattr(figures, figure) < getattr(by_policy[ORACLE][seed], figure) - _SLACK
        for by_policy in found.values()
        for by_seed in by_policy.values()
        for seed, figures in by_seed.items()
        for figure in _NEVER_BEATEN
    )
    return Row(
        id="policies.oracle_beaten",
        what="figures of a run that are better than the oracle's, cost left out",
        value=float(times),
        unit="runs",
        target="0",
        holds=times == 0,
        how=_HOW,
    )


def _short(scenario: str) -> str:
    return scenario.removeprefix("compare-")


def _bounds(one: Estimate) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in (one.lower, one.upper)]


def _said(one: Estimate) -> str:
    return f" ({one.lower:+.3g} … {one.upper:+.3g})" if math.isfinite(one.lower) else ""
