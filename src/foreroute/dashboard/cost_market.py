"""What each route's traffic would get from each of its channels: the frontier's offers and the optimum's programme.

From the ledger (the mix of tokens and the rate of requests) and the minutes of metrics (latency, success) of the same
span. A channel of which nothing is known in that span is offered with what is missing, and gets no share.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from foreroute.control.ahead import AS_SEEN, Ahead
from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.ledger import Metered, SpendCell
from foreroute.core.plan import Objective, Route
from foreroute.core.ports import CostStore, PriceBook, RollupStore
from foreroute.core.rollup import Rollup, by_channel
from foreroute.core.series import FIRST_CHUNK_METRICS, Metric
from foreroute.cost.frontier import Offer
from foreroute.cost.places import load_max
from foreroute.cost.programme import Capacity, Choice, Programme, RequestClass
from foreroute.cost.report import summed
from foreroute.dashboard.cost_record import LATE_MAX, Record, mixture_p95, record

QUARTER_S: Final = 900.0
LATENCY_RISE_MAX: Final = 1.10
"""The optimum's p95 is at most so much of that of the configured weights."""
SUCCESS_SLACK: Final = 0.005
"""Half a point of success is what chance makes of an hour: an optimum that is to steer need not buy it."""
LIMIT_USED_MAX: Final = 0.9
"""Of a limit that a channel has shown and nobody has told."""


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
    learnt_per_minute: Mapping[str, float]
    """Requests a minute, of the channels that have shown a limit."""
    forecast_by: Mapping[str, str]
    """Who has forecast the latency of each channel that is not as it was seen."""
    request_class: RequestClass | None
    """None: there is nothing to share out, or nothing is known."""


async def market_of(
    sources: MarketSources,
    *,
    start_at: float,
    end_at: float,
    ahead: Ahead | None = None,
    steers: bool = False,
) -> tuple[RouteMarket, ...]:
    """The span is taken out to whole quarters of an hour. `ahead`: what is to come beside it; None: the same again.

    `steers`: only channels to which the operator has given a weight in the first priority may get a share.
    """
    start = start_at // QUARTER_S * QUARTER_S
    end = -(-end_at // QUARTER_S) * QUARTER_S
    edges = [start + QUARTER_S * n for n in range(round((end - start) / QUARTER_S))]
    cells = await sources.costs.cells([(one, one + QUARTER_S) for one in edges])
    rollups = await sources.rollups.read(start_at=start, end_at=end)
    # A ledger that began in the middle of the span has seen so much less of it.
    began = min((cell.start_at for cell in cells), default=start)
    minutes = max(1.0, (min(end, end_at) - began) / 60.0)
    asked = _Asked(
        by_channel(one for one in rollups if not one.segment),
        minutes,
        end_at,
        ahead or Ahead(at=end_at),
        steers,
    )
    return tuple(
        _route(sources, route, [c for c in cells if c.group.route == route.name], asked)
        for route in sources.routes.values()
    )


@dataclass(slots=True)
class _Asked:
    """What is the same for all routes; a channel's record is made once for those that measure alike."""

    rollups: Mapping[ChannelId, Sequence[Rollup]]
    minutes: float
    at: float
    ahead: Ahead
    steers: bool
    _records: dict[tuple[str, bool], Record] = field(default_factory=dict)

    def record(self, name: str, objective: Objective | None) -> Record:
        key = name, objective is not None and objective.metric in FIRST_CHUNK_METRICS
        if key not in self._records:
            course = self.ahead.courses.get(ChannelId(name), AS_SEEN)
            self._records[key] = record(self.rollups.get(ChannelId(name), ()), objective, course)
        return self._records[key]


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
    """The quota, a limit that it has shown, and what its places can serve: the load at which few requests find none free
    ÷ the time that each takes one (Little's law).
    """
    held = [one.held_s.get(str(channel.id)) for one in markets]
    longest = max((one for one in held if one), default=None)
    bounds: list[float] = []
    if channel.requests_per_minute_max is not None:
        bounds.append(channel.requests_per_minute_max)
    shown = [one.learnt_per_minute[channel.id] for one in markets if channel.id in one.learnt_per_minute]
    bounds += [LIMIT_USED_MAX * one for one in shown]
    if channel.concurrency_max is not None and longest is not None:
        bounds.append(load_max(channel.concurrency_max) * 60.0 / longest)
    return Capacity(min(bounds, default=None), channel.tokens_per_minute_max)


def _route(sources: MarketSources, route: Route, cells: Sequence[SpendCell], asked: _Asked) -> RouteMarket:
    total = summed(cells)
    mix = _average(total) if total.attempts else None
    objective = sources.objectives.get(route.name)
    by_id = {one.id: one for one in sources.channels}
    weights = _weights(route)
    seen = summed(cell for cell in cells if not cell.group.kind).attempts / asked.minutes
    requests = seen * asked.ahead.demand_ratio(weights)
    records = {name: asked.record(name, objective) for name in weights}
    prices = {
        name: None if mix is None else _price(sources.prices, by_id[ChannelId(name)], mix, asked.at)
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
    p95 = mixture_p95(weights, records)
    limits = [one for one in (_limit(objective), None if p95 is None else p95 * LATENCY_RISE_MAX) if one]
    limit = min(limits, default=None)
    success = _baseline(weights, {name: one.success for name, one in records.items()})
    usd = _baseline(weights, prices)
    slack = SUCCESS_SLACK if asked.steers else 0.0
    common = {"limit": limit, "success_min": max(0.0, (success or 0.0) - slack)}
    offered = [one for one in offers if not asked.steers or weights[one.channel] > 0]
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
        learnt_per_minute={
            name: one.requests_per_minute_max
            for name, one in records.items()
            if one.requests_per_minute_max is not None
        },
        forecast_by={name: one.model for name, one in records.items() if one.model},
        request_class=_class(sources, route.name, requests, mix, offered, records, by_id, common),
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
    objective = _limit(sources.objectives.get(name))
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
                missed_ratio=None if objective is None else records[one.channel].late(objective),
                success=one.success,
                quality=one.quality,
                region=str(channels[ChannelId(one.channel)].region),
            )
            for one in known
        ),
        late_max=LATE_MAX,
        limit_s=common["limit"],
        success_min=common["success_min"],
        quality_min=sources.quality_min.get(name, 0.0),
        regions=sources.regions.get(name, frozenset()),
    )


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
