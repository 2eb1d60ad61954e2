"""Settings and store to the routes of the cost page."""

from starlette.routing import Route

from foreroute.app.prices import price_book, request_price
from foreroute.app.routes_settings import floors_of
from foreroute.control.budgets import BudgetWatch
from foreroute.core.budgets import ScopedBudget
from foreroute.core.keys import KeyBook
from foreroute.core.ports import Clock, CostedStore, KeyedStore, Store
from foreroute.dashboard.cost import CostSources, cost_routes
from foreroute.dashboard.cost_market import MarketSources
from foreroute.settings.budgets import scoped_budgets
from foreroute.settings.convert import channels_of, configured_plan, objectives_of
from foreroute.settings.model import Settings


def costs_of(settings: Settings, store: Store, clock: Clock, watch: BudgetWatch | None = None) -> list[Route]:
    """None for a store that tells no spend apart."""
    if not isinstance(store, CostedStore):
        return []

    async def keys() -> KeyBook:
        return await store.keys.read() if isinstance(store, KeyedStore) else KeyBook()

    async def limits() -> tuple[ScopedBudget, ...]:
        return scoped_budgets(settings) if watch is None else await watch.budgets()

    quality_min, regions = floors_of(settings)
    market = MarketSources(
        costs=store.costs,
        rollups=store.rollups,
        prices=price_book(settings),
        channels=channels_of(settings),
        routes=configured_plan(settings, at=clock.now(), rank=lambda _: 0).routes,
        objectives=objectives_of(settings),
        quality_min=quality_min,
        regions=regions,
    )
    return cost_routes(
        CostSources(
            market=market,
            keys=keys,
            price=lambda at: request_price(settings, at),
            time_zone=settings.cost.time_zone,
            clock=clock,
            limits=limits,
            statuses=lambda: {} if watch is None else {one.name: one for one in watch.statuses},
        )
    )
