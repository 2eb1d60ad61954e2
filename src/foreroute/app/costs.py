"""Settings and store to the routes of the cost page."""

from starlette.routing import Route

from foreroute.app.market import market_sources
from foreroute.app.prices import request_price
from foreroute.control.budgets import BudgetWatch
from foreroute.core.budgets import ScopedBudget
from foreroute.core.cost_record import RecordedCosts
from foreroute.core.experiment_ports import ExperimentedStore
from foreroute.core.keys import KeyBook
from foreroute.core.ports import Clock, CostedStore, KeyedStore, Store
from foreroute.dashboard.cost import CostSources, cost_routes
from foreroute.dashboard.cost_savings import SavingsSources
from foreroute.settings.budgets import scoped_budgets
from foreroute.settings.model import Settings


def costs_of(settings: Settings, store: Store, clock: Clock, watch: BudgetWatch | None = None) -> list[Route]:
    """None for a store that tells no spend apart."""
    if not isinstance(store, CostedStore):
        return []

    async def keys() -> KeyBook:
        return await store.keys.read() if isinstance(store, KeyedStore) else KeyBook()

    async def limits() -> tuple[ScopedBudget, ...]:
        return scoped_budgets(settings) if watch is None else await watch.budgets()

    market = market_sources(settings, store.costs, store.rollups, at=clock.now())
    return cost_routes(
        CostSources(
            market=market,
            keys=keys,
            price=lambda at: request_price(settings, at),
            time_zone=settings.cost.time_zone,
            clock=clock,
            limits=limits,
            statuses=lambda: {} if watch is None else {one.name: one for one in watch.statuses},
            record=store.cost_record if isinstance(store, RecordedCosts) else None,
            records=store.records,
            horizon_s=settings.loop.horizon,
            savings=savings_sources(settings, store),
        )
    )


def savings_sources(settings: Settings, store: Store) -> SavingsSources | None:
    """None for a store that counts no experiments."""
    if not isinstance(store, CostedStore) or not isinstance(store, ExperimentedStore):
        return None
    asked = settings.cost.savings
    return SavingsSources(
        costs=store.costs,
        experiments=store.experiments,
        running_usd_per_month=float(asked.running_usd_per_month),
        setup_usd=float(asked.setup_usd),
    )
