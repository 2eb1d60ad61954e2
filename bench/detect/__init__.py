"""How good the anomaly detector is: against labels of experts, against faults of known start, beside five others.

Nothing that is scored was tuned on: of the labelled sets every series is on one side or the other, of the faults
every series or week. What others need a level for gets the level that is best on the tuned side. Every alarm is
judged by `foreroute.detect.evaluate`: an alarm within five windows of an event belongs to it, alarms less than ten
windows apart are one. Without recorded series everything is measured on made-up ones, and the rows say so.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from bench.detect import costs, rows
from bench.detect.faults import all_faults
from bench.detect.others import Measured, measure
from bench.detect.ours import Ran, run_ours
from bench.detect.series import DATA, Judgeable, labelled
from bench.report import Row
from foreroute.detect.evaluate import Outcome, evaluate, total

_QUICK_SERIES: Final = 2
_DAYS, _QUICK_DAYS = 14.0, 5.0
_FAULT_DAYS, _QUICK_FAULT_DAYS = 10.0, 4.0
Series_ = Sequence[Judgeable]
Sides = Mapping[bool, Series_]
"""Whether they were tuned on → the series."""


def run(*, quick: bool) -> list[Row]:
    labels = {name: _labelled(name, quick=quick) for name in rows.EVENT_F1}
    faults = {tuned: _faults(tuned=tuned, quick=quick) for tuned in (True, False)}
    put_in = {tuned: [one for series in faults[tuned].values() for one in series] for tuned in faults}
    mine = run_ours([*put_in[False], *(one for sides in labels.values() for one in sides[False])])
    beside = measure(put_in)
    table = _fault_rows(faults[False], mine, beside)
    spent = [beside]
    for name, sides in labels.items():
        if sides[False]:
            spent.append(measure(sides))
            table += _label_rows(name, sides[False], mine, spent[-1])
    return [*table, *costs.per_point(mine, spent), costs.tick(ticks=5 if quick else 15)]


def _labelled(name: str, *, quick: bool) -> dict[bool, list[Judgeable]]:
    few, days = (slice(0, _QUICK_SERIES), _QUICK_DAYS) if quick else (slice(None), _DAYS)
    return {tuned: labelled(name, tuned=tuned, days=days)[few] for tuned in (True, False)}


def _faults(*, tuned: bool, quick: bool) -> dict[str, list[Judgeable]]:
    few, days = (slice(0, _QUICK_SERIES), _QUICK_FAULT_DAYS) if quick else (slice(None), _FAULT_DAYS)
    return {kind: series[few] for kind, series in all_faults(tuned=tuned, days=days).items()}


def _outcome(series: Series_, ran: Ran) -> Outcome:
    return total(
        evaluate(one.labels, ran.alarms[one.name], step_s=one.step_s, counted=one.counted) for one in series
    )


def _fault_rows(faults: Mapping[str, Series_], mine: Ran, beside: Mapping[str, Measured]) -> list[Row]:
    whole = _outcome([one for series in faults.values() for one in series], mine)
    parts = {kind: _outcome(series, mine) for kind, series in faults.items()}
    what = "recorded" if DATA.exists() else "made-up"
    how = (
        f"faults: {whole.events} faults of known start (latency × 1.5–3, failures + 5–15 points, traffic − 30–80 %, 5–40 "
        f"minutes, ramps of 0–5 minutes, fixed seeds) in {what} series, {whole.days:.0f} scored series-days; the failures "
        "themselves are drawn. Windows within a quarter of an hour of trouble of the recording itself "
        "(labelled by experts, or as large as such a fault for five windows) are left out. Delay: from the start of the "
        "fault to the end of the window that raised the alarm. Levels of the others: the best on the tuned side."
    )
    return rows.fault_rows(whole, parts, {name: one.outcome for name, one in beside.items()}, how)


def _label_rows(name: str, series: Series_, mine: Ran, beside: Mapping[str, Measured]) -> list[Row]:
    outcome = _outcome(series, mine)
    how = (
        f"labelled.{name}: {outcome.events} events that experts labelled in {outcome.days:.0f} series-days that nothing was "
        "tuned on; F1 by event, false alarms outside events. Levels of the others: the best on tuned series of the set."
    )
    return rows.label_rows(name, outcome, {other: one.outcome for other, one in beside.items()}, how)
