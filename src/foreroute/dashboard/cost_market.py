"""What each route's traffic would get from each of its channels: the frontier's offers and the optimum's programme.

From the ledger (the mix of tokens and the rate of requests) and the minutes of metrics (latency, success) of the same
span. A channel of which nothing is known in that span is offered with what is missing, and gets no share.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.ledger import Metered, SpendCell
from foreroute.core.plan import Objective, Route
from foreroute.core.ports import CostStore, PriceBook, RollupStore
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import FIRST_CHUNK_METRICS, Metric
from foreroute.cost.frontier import Offer
from foreroute.cost.programme import Capacity, Choice, Programme, RequestClass
from foreroute.cost.report import summed
from foreroute.monitor.sketch import merge, quantiles

QUARTER_S: Final = 900.0
LATENCY_RISE_MAX: Final = 1.10
"""The optimum's p95 is at most so much of that of the configured weights."""
LATE_MAX: Final = 0.05
PLACES_USED_MAX: Final = 0.8
"""Of a channel's places, on average: beyond that requests wait for one."""
_STEPS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSources:
    """Where it comes from. `quality_min` and `regions` are by route."""

    costs: CostStore
    rollups: RollupStore
    prices: PriceBook
    channels: Sequence[Channel]
    routes: Mapping[RouteName, Route]
    objectives: Mapping[RouteName, Objective]
    quality_min: Mapping[RouteName, float] = field(default_factory=dict)
    regions: Mapping[RouteName, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """How a channel has done. None: it has not been asked."""

    success: float | None
    mean_s: float | None
    p95_s: float | None
    late: Callable[[float], float]
    """The share of answers that took longer."""
    held_s: float | None = None
    """How long an answer takes one of its places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMarket:
    name: str
    requests_per_minute: float
    mix: Usage | None
    """Of the average attempt; None: no traffic."""
    offers: tuple[Offer, ...]
    limit_s: float | None
    """What 95 % must stay under: the objective's, and not much more than the configured weights give."""
    baseline: Mapping[str, float]
    """The configured weights."""
    baseline_usd_per_hour: float | None
    baseline_p95_s: float | None
    success_min: float
    held_s: Mapping[str, float | None]
    """By channel, how long an answer takes one of its places."""
    request_class: RequestClass | None
    """None: there is nothing to share out, or nothing is known."""


async def market_of(sources: MarketSources, *, start_at: float, end_at: float) -> tuple[RouteMarket, ...]:
    """The span is taken out to whole quarters of an hour."""
    start = start_at // QUARTER_S * QUARTER_S
    end = -(-end_at // QUARTER_S) * QUARTER_S
    edges = [start + QUARTER_S * n for n in range(round((end - start) / QUARTER_S))]
    cells = await sources.costs.cells([(one, one + QUARTER_S) for one in edges])
    rollups = await sources.rollups.read(start_at=start, end_at=end)
    # A ledger that began in the middle of the span has seen so much less of it.
    began = min((cell.start_at for cell in cells), default=start)
    minutes = max(1.0, (min(end, end_at) - began) / 60.0)
    return tuple(
        _route(sources, route, [c for c in cells if c.group.route == route.name], rollups, minutes, end_at)
        for route in sources.routes.values()
    )


def programme_of(
    markets: Sequence[RouteMarket],
    channels: Sequence[Channel],
    *,
    usd_per_hour_max: float | None = None,
    fastest: bool = False,
) -> Programme:
    return Programme(
        classes=[one.request_class for one in markets if one.request_class is not None],
        capacities={str(one.id): _capacity(one, markets) for one in channels},
        usd_per_hour_max=usd_per_hour_max,
        fastest=fastest,
    )


def _capacity(channel: Channel, markets: Sequence[RouteMarket]) -> Capacity:
    """The quota, and what its places can serve: places ÷ time that each is taken (Little's law), with some to spare."""
    held = [one.held_s.get(str(channel.id)) for one in markets]
    longest = max((one for one in held if one), default=None)
    bounds: list[float] = []
    if channel.requests_per_minute_max is not None:
        bounds.append(channel.requests_per_minute_max)
    if channel.concurrency_max is not None and longest is not None:
        bounds.append(PLACES_USED_MAX * channel.concurrency_max * 60.0 / longest)
    return Capacity(min(bounds, default=None), channel.tokens_per_minute_max)


def _route(
    sources: MarketSources,
    route: Route,
    cells: Sequence[SpendCell],
    rollups: Sequence[Rollup],
    minutes: float,
    at: float,
) -> RouteMarket:
    total = summed(cells)
    mix = _average(total) if total.attempts else None
    requests = summed(cell for cell in cells if not cell.group.kind).attempts / minutes
    objective = sources.objectives.get(route.name)
    by_id = {one.id: one for one in sources.channels}
    weights = _weights(route)
    records = {name: _record(name, rollups, objective) for name in weights}
    prices = {
        name: None if mix is None else _price(sources.prices, by_id[ChannelId(name)], mix, at)
        for name in weights
    }
    offers = tuple(
        Offer(
            channel=name,
            usd=prices[name],
            latency_s=records[name].p95_s,
            success=_or(records[name].success, 0.0),
            quality=by_id[ChannelId(name)].quality_score,
        )
        for name in weights
    )
    p95 = _mixture_p95(weights, records)
    limits = [one for one in (_limit(objective), None if p95 is None else p95 * LATENCY_RISE_MAX) if one]
    limit = min(limits, default=None)
    success = _baseline(weights, {name: one.success for name, one in records.items()})
    usd = _baseline(weights, prices)
    common = {"limit": limit, "success_min": success or 0.0}
    return RouteMarket(
        name=str(route.name),
        requests_per_minute=requests,
        mix=mix,
        offers=offers,
        limit_s=limit,
        baseline=weights,
        baseline_usd_per_hour=None if usd is None else usd * requests * 60.0,
        baseline_p95_s=p95,
        success_min=success or 0.0,
        held_s={name: one.held_s for name, one in records.items()},
        request_class=_class(sources, route.name, requests, mix, offers, records, by_id, common),
    )


def _class(
    sources: MarketSources,
    name: RouteName,
    requests: float,
    mix: Usage | None,
    offers: Sequence[Offer],
    records: Mapping[str, Record],
    channels: Mapping[ChannelId, Channel],
    common: Mapping[str, Any],
) -> RequestClass | None:
    known = [one for one in offers if one.usd is not None and one.latency_s is not None]
    if not known or mix is None or requests <= 0:
        return None
    limit = math.inf if common["limit"] is None else common["limit"]
    tokens = mix.input_tokens + mix.cached_input_tokens + mix.cache_write_tokens + mix.output_tokens
    return RequestClass(
        name=str(name),
        requests_per_minute=requests,
        tokens_per_request=float(tokens),
        choices=tuple(
            Choice(
                channel=one.channel,
                usd=one.usd or 0.0,
                latency_s=_or(records[one.channel].mean_s, one.latency_s or 0.0),
                late_ratio=records[one.channel].late(limit),
                success=one.success,
                quality=one.quality,
                region=str(channels[ChannelId(one.channel)].region),
            )
            for one in known
        ),
        late_max=LATE_MAX,
        success_min=common["success_min"],
        quality_min=sources.quality_min.get(name, 0.0),
        regions=sources.regions.get(name, frozenset()),
    )


def _record(name: str, rollups: Sequence[Rollup], objective: Objective | None) -> Record:
    mine = [one for one in rollups if one.channel == name and not one.segment]
    first_chunk = objective is not None and objective.metric in FIRST_CHUNK_METRICS
    found = [one.first_chunk if first_chunk else one.latency for one in mine]
    asked = sum(one.attempts - one.ignored for one in mine)
    served = sum(one.successes for one in mine)
    curve = _curve(found)
    return Record(
        success=served / asked if asked else None,
        mean_s=_mean(found),
        held_s=_mean([one.latency for one in mine]),
        p95_s=None if curve is None else curve[round(0.95 * _STEPS)],
        late=lambda limit: 0.0 if curve is None else sum(one > limit for one in curve) / len(curve),
    )


def _mean(found: Sequence[LatencySummary]) -> float | None:
    count = sum(one.count for one in found)
    return sum(one.total_s for one in found) / count if count else None


def _curve(found: Sequence[LatencySummary]) -> list[float] | None:
    """Evenly spaced quantiles of all answers together; None without any that can be merged."""
    sketches = [one.sketch for one in found if one.sketch]
    if not sketches:
        return None
    curve = quantiles(merge(sketches), [step / _STEPS for step in range(_STEPS + 1)])
    return [one for one in curve if one is not None]


def _mixture_p95(weights: Mapping[str, float], records: Mapping[str, Record]) -> float | None:
    """Of the configured weights, over the channels of which something is known; by bisection."""
    known = {
        name: weight for name, weight in weights.items() if records[name].p95_s is not None and weight > 0
    }
    total = sum(known.values())
    if not total:
        return None
    low, high = 0.0, 2.0 * max(_or(records[name].p95_s, 0.0) for name in known) + 1.0
    for _ in range(40):
        middle = (low + high) / 2.0
        late = sum(weight * records[name].late(middle) for name, weight in known.items()) / total
        low, high = (middle, high) if late > LATE_MAX else (low, middle)
    return high


def _baseline(weights: Mapping[str, float], values: Mapping[str, float | None]) -> float | None:
    """The weighted mean over what is known."""
    known = {name: one for name, one in values.items() if one is not None and weights[name] > 0}
    total = sum(weights[name] for name in known)
    return sum(weights[name] * one for name, one in known.items()) / total if total else None


def _weights(route: Route) -> dict[str, float]:
    """Of the first priority; the channels that only serve in need have none."""
    first = min((one.priority for one in route.targets), default=0)
    return {str(one.channel): one.weight if one.priority == first else 0.0 for one in route.targets}


def _limit(objective: Objective | None) -> float | None:
    if objective is None or objective.metric not in (Metric.LATENCY_P95, Metric.FIRST_CHUNK_P95):
        return None
    return objective.limit_s


def _price(book: PriceBook, channel: Channel, mix: Usage, at: float) -> float | None:
    cost = book.cost_usd(channel, mix, at).cost_usd
    return None if cost is None else float(cost)


def _average(total: Metered) -> Usage:
    many = total.attempts
    return Usage(
        round(total.input_tokens / many),
        round(total.cached_input_tokens / many),
        round(total.cache_write_tokens / many),
        round(total.output_tokens / many),
        round(total.reasoning_tokens / many),
    )


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
