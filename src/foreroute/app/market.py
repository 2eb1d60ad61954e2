"""Settings and store to what a market is made of."""

from foreroute.app.prices import price_book
from foreroute.app.routes_settings import floors_of
from foreroute.core.ports import CostStore, PriceBook, RollupStore
from foreroute.dashboard.cost_market import MarketSources
from foreroute.settings.convert import channels_of, configured_plan, objectives_of
from foreroute.settings.model import Settings


def market_sources(
    settings: Settings,
    costs: CostStore,
    rollups: RollupStore,
    *,
    at: float,
    prices: PriceBook | None = None,
) -> MarketSources:
    """`prices`: what is asked instead of the configured price book."""
    quality_min, regions = floors_of(settings)
    return MarketSources(
        costs=costs,
        rollups=rollups,
        prices=price_book(settings) if prices is None else prices,
        channels=channels_of(settings),
        routes=configured_plan(settings, at=at, rank=lambda _: 0).routes,
        objectives=objectives_of(settings),
        quality_min=quality_min,
        regions=regions,
    )
