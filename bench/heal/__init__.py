"""How well the causes of failures are named, and how well and how fast what has failed heals: `make bench NAME=heal`.

Healing is measured by seeded injections against the reactive baseline (`healing`), by quiet hours (`quiet`), and by trouble
that recurs (`recurrence`). What follows is about names.

Three estimates, because rules are written by people who have read failures. *Cut back*: every failure judged by rules
without the needles that only its own group speaks for, and by a text model fitted without its group: what rules written
blindly would do, a lower bound. *Grouped*: the rules as they are, the text model fitted without the group: an upper
bound. *Own*: other client libraries, measured here, and messages from public threads. The shared failures must lie
beside the checkout (`../shared/failures`); without them only the own ones and the times are given.
"""

import statistics
import sys
import time
from collections.abc import Sequence

from bench.heal import healing, quiet, recurrence
from bench.heal.failures import SHARED, Labelled, own, read
from bench.heal.fit import Judged, cross_validated, nested, pooled_reliability
from bench.heal.score import accuracy, action_accuracy, calibration_error, macro_f1
from bench.report import Row
from foreroute.heal.classify import default_classifier

_HOW = (
    "8 folds by client and thread (and again by cluster; the worse figure), seed 0; text model and confidences of a "
    "fold come from the other folds alone. Rules as they are, fitted by people to failures like these"
)
_CUT = "the same with rules cut back to what the other folds speak for: a lower bound"


def run(*, quick: bool) -> list[Row]:
    return [
        *_diagnosis(quick=quick),
        *healing.rows(quick=quick),
        *quiet.rows(quick=quick),
        *recurrence.rows(),
    ]


def _diagnosis(*, quick: bool) -> list[Row]:
    mine = own()
    rows = [*_timed(mine, 3 if quick else 20)]
    if not SHARED.exists():
        print(f"the shared failures are not at {SHARED}: no rows for them", file=sys.stderr)
        return rows
    shared = read(SHARED)
    keys = ("source",) if quick else ("source", "cluster")
    whole = [nested(shared, mine, key=key, temperature=1.0, cut=False) for key in keys]
    rows += _scored(whole)
    rows += _cut_back([nested(shared, mine, key=key, temperature=1.0) for key in keys])
    return rows + _own_rows(mine, shared)


def _scored(judged: Sequence[Sequence[Judged]]) -> list[Row]:
    f1 = min(map(macro_f1, judged))
    action = min(map(action_accuracy, judged))
    error = max(map(calibration_error, judged))
    rows = [
        _row("heal.macro_f1_dev", "macro-F1 over 21 classes, grouped CV", f1, "", "≥ 0.90", f1 >= 0.9, _HOW),
        _row("heal.action_accuracy_dev", "right action", action, "", "≥ 0.97", action >= 0.97, _HOW),
        _row("heal.calibration_error_dev", "calibration error", error, "", "≤ 0.05", error <= 0.05, _HOW),
    ]
    for origin in sorted({one.row.origin for one in judged[0]}):
        worst = min(macro_f1([one for one in part if one.row.origin == origin]) for part in judged)
        rows.append(
            _row(f"heal.f1.{origin}", f"macro-F1, {origin}", worst, "", "≥ 0.85", worst >= 0.85, _HOW)
        )
    return rows


def _cut_back(judged: Sequence[Sequence[Judged]]) -> list[Row]:
    f1, action = min(map(macro_f1, judged)), min(map(action_accuracy, judged))
    error = max(map(calibration_error, judged))
    return [
        _row("heal.macro_f1_cut", "macro-F1, rules cut back", f1, "", None, None, _CUT),
        _row("heal.action_accuracy_cut", "right action, rules cut back", action, "", None, None, _CUT),
        _row("heal.calibration_error_cut", "calibration error, rules cut back", error, "", None, None, _CUT),
    ]


def _own_rows(mine: Sequence[Labelled], shared: Sequence[Labelled]) -> list[Row]:
    """The own failures, judged by a text model that has seen the shared ones only."""
    reliability = pooled_reliability(shared, ())
    judged = cross_validated(mine, shared, key="source", temperature=1.0, reliability=reliability, cut=False)
    how = "own loopback faults through aiohttp, anthropic, urllib and Node, and messages of public threads"
    return [
        _row(
            f"heal.accuracy_own.{origin}",
            f"right class, own {origin}",
            accuracy([one for one in judged if one.row.origin == origin]),
            "",
            None,
            None,
            how,
        )
        for origin in ("measured", "field")
    ]


def _timed(rows: Sequence[Labelled], rounds: int) -> list[Row]:
    classifier = default_classifier()
    ruled: list[float] = []
    every: list[float] = []
    for row in list(rows) * rounds:
        began = time.thread_time()
        verdict = classifier.verdict(row.evidence)
        took = time.thread_time() - began
        every.append(took)
        if verdict.ground not in ("text", "bare", "nothing"):
            ruled.append(took)
    p99_ms = statistics.quantiles(every, n=100)[98] * 1e3
    rules_us = statistics.median(ruled) * 1e6
    how = "CPU time of each verdict by itself, so that other work on the machine does not count"
    return [
        _row("heal.diagnose_p99_ms", "one verdict, p99", p99_ms, "ms", "< 1", p99_ms < 1, how),
        _row("heal.rules_us", "one verdict by rules, median", rules_us, "µs", "< 100", rules_us < 100, how),
    ]


def _row(
    name: str, what: str, value: float, unit: str, target: str | None, holds: bool | None, how: str
) -> Row:
    return Row(id=name, what=what, value=value, unit=unit, target=target, holds=holds, how=how)
