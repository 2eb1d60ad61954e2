"""The savings of a calendar month as the store has them: read, reckoned, and as plain values for JSON and tables."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from foreroute.control.experiments.held_out import CONTROL, STEERED, stored_runs
from foreroute.core.experiment_ports import ExperimentStore
from foreroute.core.ledger import SpendCell
from foreroute.core.ports import CostStore
from foreroute.cost.calendar import Window
from foreroute.cost.savings import Measured, Outlay, Savings, Span, savings
from foreroute.experiment.cells import Cells
from foreroute.experiment.effects import effect
from foreroute.experiment.measures import Measure
from foreroute.experiment.runs import Run
from foreroute.experiment.tally import Tally

Row = dict[str, Any]
ALPHA: Final = 0.05
_QUARTER_S: Final = 900.0
_HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsSources:
    """US dollars as the operator has stated them."""

    costs: CostStore
    experiments: ExperimentStore
    running_usd_per_month: float = 0.0
    setup_usd: float = 0.0


async def savings_of(sources: SavingsSources, month: Window, at: float) -> Savings:
    """Of the calendar month so far. Raises StoreError."""
    runs = [
        one
        for one in await stored_runs(sources.experiments.runs)
        if month.start_at <= one.started_at < month.end_at
    ]
    stretches = tuple([await _measured(sources.experiments, run, at) for run in runs])
    began = min((run.started_at for run in runs), default=at)
    return savings(stretches, await _outlay(sources, began, min(at, month.end_at)))


def savings_row(found: Savings, month: Window) -> Row:
    outlay = found.outlay
    return {
        "month": month.name,
        "requests": found.requests,
        "requests_control": found.requests_control,
        "usd_per_request": found.usd_per_request,
        "usd_per_request_control": found.usd_per_request_control,
        "change": _span(found.change),
        "gross_usd": _span(found.gross),
        "net_usd": _span(found.net),
        "is_sure": found.is_sure,
        "spent_usd": outlay.spent_usd,
        "probes_usd": outlay.probes_usd,
        "hedges_usd": outlay.hedges_usd,
        "running_usd": outlay.running_usd,
        "hours": outlay.hours,
        "roi": found.roi,
        "payback_days": found.payback_days,
        "explained_ratio": found.explained,
        "missing": found.missing or None,
        "basis": "cost of a request, adjusted for what requests asked for; always-valid 95 % interval",
    }


async def _measured(store: ExperimentStore, run: Run, at: float) -> Measured:
    tally = Tally(run, lambda _asked, _stream: {})
    kept = await store.tallies.read(run.id)
    if kept is not None:
        tally.load(
            orjson.loads(kept.body), {unit: Cells(arm, sums) for unit, (arm, sums) in kept.units.items()}
        )
    found = effect(tally, STEERED, Measure.COST, alpha=ALPHA, at=at)
    known = None
    if found.value is not None and found.lower is not None and found.upper is not None:
        known = Span(found.value, found.lower, found.upper)
    steered, control = (tally.arms[name].moments[Measure.COST] for name in (STEERED, CONTROL))
    return Measured(
        requests=round(steered.n),
        requests_control=round(control.n),
        usd=float(steered.y),
        usd_control=float(control.y),
        change=known,
        explained=found.variance_removed,
    )


async def _outlay(sources: SavingsSources, start_at: float, end_at: float) -> Outlay:
    cells: list[SpendCell] = []
    if end_at > start_at:
        first = start_at // _QUARTER_S * _QUARTER_S
        cells = await sources.costs.cells([(first, -(-end_at // _QUARTER_S) * _QUARTER_S)])
    by_kind: dict[str, float] = {}
    for cell in cells:
        kind = cell.group.kind
        by_kind[kind] = by_kind.get(kind, 0.0) + float(cell.metered.cost_usd)
    return Outlay(
        hours=max(0.0, end_at - start_at) / _HOUR_S,
        spent_usd=sum(by_kind.values()),
        probes_usd=by_kind.get("probe", 0.0),
        hedges_usd=by_kind.get("hedge", 0.0),
        running_usd_per_month=sources.running_usd_per_month,
        setup_usd=sources.setup_usd,
    )


def _span(found: Span | None) -> Row | None:
    return None if found is None else {"value": found.value, "lower": found.lower, "upper": found.upper}
