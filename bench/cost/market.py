"""How long it takes to say what is to be solved: the last hour's minutes and forecasts of 50 channels, for 20 routes."""

import asyncio
import random
import time
from dataclasses import replace
from decimal import Decimal

from bench.report import Row
from foreroute.control.ahead import Ahead, Course
from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.plan import Objective, Route, Target
from foreroute.core.series import Metric
from foreroute.cost.pricebook import GenaiPriceBook
from foreroute.cost.unit_prices import UnitPrices
from foreroute.dashboard.cost_market import MarketSources, market_of, programme_of
from foreroute.monitor.fold import fold, merge_rollups
from foreroute.store.memory import MemoryStore
from foreroute.testing.check_store import an_attempt

CHANNELS, ROUTES, MINUTES, AN_HOUR_S = 50, 20, 60, 3600.0
AT = 1_772_442_000.0


def rows() -> list[Row]:
    sources, ahead = asyncio.run(_market())
    start = time.process_time()
    markets = asyncio.run(market_of(sources, start_at=AT - AN_HOUR_S, end_at=AT, ahead=ahead, steers=True))
    programme = programme_of(markets, sources.channels)
    spent = (time.process_time() - start) * 1000.0
    assert len(programme.classes) == ROUTES
    return [
        Row(
            id="cost.optimum.market",
            what=f"what is to be solved, from an hour of minutes: {CHANNELS} channels × {ROUTES} classes",
            value=spent,
            unit="ms",
            how="make bench NAME=cost; CPU time of one core, once every `cost.optimum.every`, beside the data plane",
        )
    ]


async def _market() -> tuple[MarketSources, Ahead]:
    rng, store = random.Random(1), MemoryStore(merge_rollups)
    names = [ChannelId(f"channel-{n}") for n in range(CHANNELS)]
    attempts = [
        replace(
            an_attempt(request=f"r{minute}-{n}-{k}", channel=name, at=AT - 60.0 * (minute + 1) + k),
            route=RouteName(f"route-{(n + k) % ROUTES}"),
            duration_s=rng.lognormvariate(0.0, 0.6),
            usage=Usage(500, 0, 0, 100),
            hedge=False,
        )
        for minute in range(MINUTES)
        for n, name in enumerate(names)
        for k in range(10)
    ]
    entries = [LedgerEntry(attempt=one, cost_usd=None, price_source="unpriced") for one in attempts]
    await store.append(entries, fold(attempts, window_s=60.0, source="bench"))
    targets = tuple(Target(channel=name, weight=1.0 / CHANNELS) for name in names)
    routes = {name: Route(name=name, targets=targets) for name in map(_route, range(ROUTES))}
    sources = MarketSources(
        costs=store.costs,
        rollups=store.rollups,
        prices=GenaiPriceBook(
            {name: UnitPrices(input=Decimal(1), output=Decimal(1 + n)) for n, name in enumerate(names)}
        ),
        channels=[_channel(name) for name in names],
        routes=routes,
        objectives={name: Objective(metric=Metric.LATENCY_P95, limit_s=3.0) for name in routes},
    )
    courses = {name: Course(factor=1.1, lower=0.9, upper=1.4, model="bank") for name in names}
    return sources, Ahead(at=AT, courses=courses)


def _route(number: int) -> RouteName:
    return RouteName(f"route-{number}")


def _channel(name: ChannelId) -> Channel:
    return Channel(
        id=name,
        provider="nobody",
        cloud="c",
        region=RegionId("eu"),
        model="m",
        base_url="http://x/v1",
        concurrency_max=50,
    )
