"""The budgets of the house, tick by tick: what the ledger says of each, where it is heading, and what its pace is.

The gateway is told with every look, so that its accounts know what they did not count themselves, and a budget that was
set meanwhile, here or beside, holds within one tick.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Final

import orjson

from foreroute.control.budget_look import (
    Recent,
    free_ratio,
    is_paced,
    pace_of,
    pace_seen,
    status_of,
    usual_usd,
)
from foreroute.core.budgets import ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.errors import StoreCorrupt
from foreroute.core.findings import BudgetStatus
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.ledger import Metered, SpendCell
from foreroute.core.plan import Route
from foreroute.core.ports import BudgetStore, CostStore
from foreroute.cost.budget_list import Heading, Owned, Scoped, heading, house_budget
from foreroute.cost.outlook import HOUR_S
from foreroute.cost.pace import PaceRules, PaceState, next_pace
from foreroute.cost.period_forecast import Hours, RequestPrice

_log: Final = logging.getLogger("foreroute.control")
_QUARTER_S: Final = 900.0
_HOURS_MIN: Final = 24
"""With less history the run rate says more than a profile of hours."""
_USUAL_HOURS: Final = 48
BUDGET_PACE_STATE: Final = "budget-pace"
Publish = Callable[[Sequence[ScopedBudget], Mapping[str, Decimal], float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSources:
    """What the watch reads, and whom it tells. The composition root fills it in."""

    of_file: tuple[ScopedBudget, ...]
    store: BudgetStore
    costs: CostStore
    hours: Callable[[float], Awaitable[Hours]]
    price: Callable[[float], RequestPrice]
    routes: Mapping[RouteName, Route] = field(default_factory=dict)
    channels: Mapping[ChannelId, Channel] = field(default_factory=dict)
    publish: Publish = lambda _budgets, _spends, _at: None
    rules: PaceRules = field(default_factory=PaceRules)
    wait: bool = False
    """Whether a look makes the forecast that it asks for by itself, without a thread: for runs that must be
    reproducible, and that have no event loop."""


def in_force(of_file: Sequence[ScopedBudget], of_store: Sequence[ScopedBudget]) -> tuple[ScopedBudget, ...]:
    """The configuration file comes first: what it names or counts already is not counted twice."""
    names, counted = {one.name for one in of_file}, {one.counted for one in of_file}
    return (*of_file, *(one for one in of_store if one.name not in names and one.counted not in counted))


class BudgetWatch:
    """Lives on the control loop's event loop. Raises StoreError from `update`, which changes nothing then."""

    def __init__(self, sources: BudgetSources) -> None:
        self._sources = sources
        self._states: dict[str, PaceState] = {}
        self._ahead: dict[str, Heading] = {}
        self._ahead_of: tuple[object, ...] = ()
        self._sums: dict[tuple[float, float], tuple[float, list[SpendCell]]] = {}
        self._usual: dict[ChannelId, float] = {}
        self._forecasting: asyncio.Task[None] | None = None
        self._since_at: float | None = None
        self._whole_hours = 0
        self.statuses: tuple[BudgetStatus, ...] = ()
        """As of the newest look."""

    async def budgets(self) -> tuple[ScopedBudget, ...]:
        return in_force(self._sources.of_file, await self._sources.store.read())

    async def update(self, at: float) -> tuple[BudgetStatus, ...]:
        """Looks at every budget, and tells the gateway."""
        budgets = await self.budgets()
        found = [(house_budget(one, at), one) for one in budgets]
        if not found:
            self._sources.publish((), {}, at)
            self._states, self.statuses = {}, ()
            return ()
        cells = {(one.start_at, one.end_at): await self._cells(one, at) for one, _ in found}
        spent = {rule.name: _sum(cells[one.start_at, one.end_at], rule) for one, rule in found}
        self._sources.publish(budgets, {name: one.cost_usd for name, one in spent.items()}, at)
        recent = await self._recent(at)
        await self._look_ahead(found, at, cells)
        statuses = []
        for one, rule in found:
            status = status_of(one, at, spent[rule.name], recent, self._ahead_now(one))
            statuses.append(self._paced(rule, status, at, recent))
        kept = {rule.name for rule in budgets if is_paced(rule)}
        self._states = {name: state for name, state in self._states.items() if name in kept}
        self.statuses = tuple(statuses)
        return self.statuses

    def dump(self) -> bytes:
        return orjson.dumps({name: asdict(state) for name, state in self._states.items()})

    def load(self, state: bytes) -> None:
        try:
            self._states = {name: PaceState(**fields) for name, fields in orjson.loads(state).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise StoreCorrupt(f"the pace of budgets cannot be read: {error}") from None

    def _paced(self, rule: ScopedBudget, status: BudgetStatus, at: float, recent: Recent) -> BudgetStatus:
        if not is_paced(rule):
            return status
        ahead, before = self._ahead.get(rule.name), self._states.get(rule.name)
        since_at = at if before is None else before.at
        sources = self._sources
        ratio = free_ratio(rule, recent.cells, sources.routes, self._usual, sources.channels)
        path = None if ahead is None or self._whole_hours < _HOURS_MIN else ahead.forecast
        seen = pace_seen(status, at, since_at, path, ratio)
        state = next_pace(before, seen, sources.rules)
        self._states[rule.name] = state
        return replace(status, pace=pace_of(rule, status, state, sources.channels))

    def _ahead_now(self, budget: Scoped) -> Heading | None:
        """The newest forecast, if it is of this period and knows more than the run rate."""
        found = self._ahead.get(budget.name)
        if found is None or found.forecast is None or self._whole_hours < _HOURS_MIN:
            return None
        same = found.budget.start_at == budget.start_at and found.budget.limit_usd == budget.limit_usd
        return found if same else None

    async def _look_ahead(
        self,
        found: Sequence[tuple[Scoped, ScopedBudget]],
        at: float,
        cells: Mapping[tuple[float, float], Sequence[SpendCell]],
    ) -> None:
        """Once an hour and after every change, beside the loop: a forecast takes longer than a tick may."""
        wanted = (at // HOUR_S, *(rule for _, rule in found))
        if wanted == self._ahead_of or not (self._forecasting is None or self._forecasting.done()):
            return
        self._ahead_of = wanted
        spent = [(one, list(cells[one.start_at, one.end_at])) for one, _ in found]
        if self._sources.wait:
            await self._forecast(spent, at)
        else:
            self._forecasting = asyncio.ensure_future(self._forecast(spent, at))

    async def _forecast(self, found: Sequence[tuple[Scoped, list[SpendCell]]], at: float) -> None:
        try:
            hours, price = await self._sources.hours(at), self._sources.price(at)
            if self._sources.wait:
                ahead = _headings(found, at, hours, price)
            else:
                ahead = await asyncio.to_thread(_headings, found, at, hours, price)
        except Exception:  # noqa: BLE001 - the boundary of the work beside the loop: the run rate goes on
            _log.exception("budgets_not_forecast")
            return
        fresh = self._whole_hours < _HOURS_MIN <= len(hours.cells)
        self._whole_hours, self._ahead = len(hours.cells), ahead
        self._usual = usual_usd(cell for row in hours.cells[-_USUAL_HOURS:] for cell in row)
        if fresh:  # what was expected so far was in seconds, not in dollars
            self._states = {
                name: replace(state, recent_usd=0.0, recent_expected_usd=0.0)
                for name, state in self._states.items()
            }

    async def _cells(self, budget: Scoped, at: float) -> list[SpendCell]:
        """The cells of a period so far. What is older than the hour before this one is read once an hour."""
        bounds = budget.start_at, budget.end_at
        edge = max(budget.start_at, at // HOUR_S * HOUR_S - HOUR_S)
        kept = self._sums.get(bounds)
        if kept is None or kept[0] != edge:
            self._sums = {key: one for key, one in self._sums.items() if key[1] > at}
            old = await self._sources.costs.cells([(budget.start_at, edge)]) if edge > budget.start_at else []
            self._sums[bounds] = kept = edge, old
        return [*kept[1], *await self._sources.costs.cells([(edge, _next_quarter(at))])]

    async def _recent(self, at: float) -> Recent:
        """The last hour; less of a house that is younger."""
        end = _next_quarter(at)
        start = end - 5 * _QUARTER_S
        cells = await self._sources.costs.cells([(start, end)])
        if self._since_at is None and cells:
            before = await self._sources.costs.cells([(start - HOUR_S, start)])
            quarters = [
                one
                for one in (start + _QUARTER_S * n for n in range(5))
                if await self._sources.costs.cells([(one, one + _QUARTER_S)])
            ]
            self._since_at = start if before else quarters[0]
        since = max(start, start if self._since_at is None else self._since_at)
        return Recent(cells=cells, seconds=max(0.0, at - since))


def _headings(
    found: Sequence[tuple[Scoped, list[SpendCell]]], at: float, hours: Hours, price: RequestPrice
) -> dict[str, Heading]:
    owned = Owned(hours)
    return {one.name: heading(one, at, owned.of(one), cells, price) for one, cells in found}


def _sum(cells: Sequence[SpendCell], rule: ScopedBudget) -> Metered:
    return sum((cell.metered for cell in cells if rule.counts(cell.group)), Metered())


def _next_quarter(at: float) -> float:
    return (at // _QUARTER_S + 1) * _QUARTER_S
