"""Settings and store to the budgets of the house: who watches them, and where they are set."""

from starlette.routing import Route

from foreroute.app.plane import Plane
from foreroute.app.prices import request_price
from foreroute.control.budgets import BudgetSources, BudgetWatch
from foreroute.core.ports import BudgetedStore, Clock, CostedStore, KeyedStore, Store
from foreroute.cost.hours import recent_hours
from foreroute.dashboard.budget_desk import BudgetDesk, DeskSources
from foreroute.dashboard.budgets import budget_routes
from foreroute.settings.budgets import known_scopes, scoped_budgets
from foreroute.settings.model import Settings


def build_watch(settings: Settings, data: Plane, store: Store, *, wait: bool = False) -> BudgetWatch | None:
    """None for a store that keeps no budgets or tells no spend apart."""
    if not (isinstance(store, BudgetedStore) and isinstance(store, CostedStore)):
        return None
    return BudgetWatch(
        BudgetSources(
            of_file=scoped_budgets(settings),
            store=store.budgets,
            costs=store.costs,
            hours=lambda at: recent_hours(store.costs, at),
            price=lambda at: request_price(settings, at),
            routes=data.configured.routes,
            channels={channel.id: channel for channel in data.channels},
            publish=data.take_budgets,
            wait=wait,
        )
    )


def build_desk(settings: Settings, store: Store, clock: Clock) -> BudgetDesk | None:
    """Where budgets are set and removed, on a running service or on its store alone."""
    if not isinstance(store, BudgetedStore):
        return None
    return BudgetDesk(
        DeskSources(
            of_file=scoped_budgets(settings),
            known=known_scopes(settings),
            time_zone=settings.cost.time_zone,
            store=store.budgets,
            keys=store.keys if isinstance(store, KeyedStore) else None,
            records=store.records,
            clock=clock,
        )
    )


def budgets_of(settings: Settings, store: Store, clock: Clock, watch: BudgetWatch | None) -> list[Route]:
    """The routes of the API; none where no budget is watched."""
    desk = build_desk(settings, store, clock)
    if desk is None or watch is None:
        return []
    return budget_routes(desk, watch, clock)
