"""One seed: Foreroute with its control, static weights alone, cheapest-first; each request's cost, wait and channel."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from random import Random
from typing import Final

from bench.savings.cheapest import CheapestFirst
from bench.savings.setting import Setting
from foreroute.app.data_plane import gateway_settings
from foreroute.app.simulated_plane import build_plane
from foreroute.app.simulated_router import SimulatedForeroute
from foreroute.control.experiments.held_out import CONTROL, STEERED
from foreroute.core.ids import ChannelId, RequestId
from foreroute.cost.calendar import Period, period_of
from foreroute.cost.savings import Savings
from foreroute.dashboard.cost_savings import SavingsSources, savings_of
from foreroute.simulate.compare_figures import quantile
from foreroute.simulate.gateway_router import GatewayRouter
from foreroute.simulate.policies.oracle import waited_s
from foreroute.simulate.request import Done, Request
from foreroute.simulate.routing import Router
from foreroute.simulate.run import run
from foreroute.simulate.scenario import build_world
from foreroute.simulate.world import World

STATIC, CHEAPEST = "static", "cheapest"
OURS: Final = (STEERED, CONTROL)
_ALL: Final = 10_000_000
_FAILURE_S: Final = 30.0
"""What a request that failed counts as, among the waits."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Of the scored requests. `below_floor`: those that any channel below the quality floor was asked about."""

    requests: int
    usd_per_request: float
    p50_s: float
    p95_s: float
    failures: float
    below_floor: int
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Played:
    seed: int
    arms: Mapping[str, Arm]
    stated: Savings
    """What Foreroute says of itself, over the scored hours."""
    usd_by_weights: float
    """What a steered request would have cost by the configured weights, at the world's prices."""
    cpu_s: float


@dataclass(slots=True)
class _Log:
    done: list[Done] = field(default_factory=list)
    asked: dict[RequestId, list[ChannelId]] = field(default_factory=dict)


def play(setting: Setting, seed: int) -> Played:
    started = time.process_time()
    world, requests = build_world(setting.scenario, seed), setting.requests(seed)
    scenario = setting.scenario
    steered = SimulatedForeroute(setting.settings, start_at=scenario.start_at, live_at=scenario.story_at)
    log = _played(setting, world, requests, steered, seed)
    drawn = asyncio.run(_drawn(steered))
    found = {name: _arm(setting, log, {one for one, arm in drawn.items() if arm == name}) for name in OURS}
    scored = {one.id for one in requests if one.at >= scenario.story_at}
    for name, router in ((STATIC, _static(setting, world)), (CHEAPEST, _cheapest(setting, world, requests))):
        found[name] = _arm(setting, _played(setting, world, requests, router, seed), scored)
    ours = [one for one in requests if drawn.get(one.id) == STEERED]
    stated, by_weights = asyncio.run(_stated(setting, steered)), _usd_by_weights(setting, world, ours)
    return Played(seed, found, stated, by_weights, time.process_time() - started)


def _usd_by_weights(setting: Setting, world: World, requests: Sequence[Request]) -> float:
    total = sum(one.weight for one in setting.world.channels)
    mean_in, mean_out = _mean_tokens(requests)
    return math.fsum(
        one.weight / total * _usd(world, ChannelId(one.id), mean_in, mean_out)
        for one in setting.world.channels
    )


def _usd(world: World, name: ChannelId, tokens_in: float, tokens_out: float) -> float:
    price = world.channels[name].price
    if price is None:
        return math.inf
    return (tokens_in * float(price.input_usd) + tokens_out * float(price.output_usd)) / 1e6


def _played(setting: Setting, world: World, requests: Sequence[Request], router: Router, seed: int) -> _Log:
    log = _Log()
    attempts = run(
        world,
        requests,
        router,
        chance=Random(f"savings/{seed}"),
        start_at=setting.scenario.start_at,
        on_done=log.done.append,
    )
    for attempt in attempts:
        log.asked.setdefault(attempt.request_id, []).append(attempt.channel)
    return log


async def _drawn(steered: SimulatedForeroute) -> dict[RequestId, str]:
    """The arm of each request, as the ledger has it."""
    _, entries = await steered.store.experiments.marked.marked(0, _ALL)
    return {entry.attempt.request_id: entry.attempt.arms[0].arm for _, entry in entries}


async def _stated(setting: Setting, steered: SimulatedForeroute) -> Savings:
    store, at = steered.store, setting.scenario.end_at
    sources = SavingsSources(costs=store.costs, experiments=store.experiments)
    return await savings_of(sources, period_of(Period.MONTH, at - 1.0, UTC), at)


def _arm(setting: Setting, log: _Log, scored: Collection[RequestId]) -> Arm:
    done = [one for one in log.done if one.request.id in scored]
    waits = sorted(min(waited_s(one), _FAILURE_S) for one in done)
    low = {name for name, quality in setting.quality.items() if quality < setting.quality_min}
    first = Counter(log.asked[one.request.id][0] for one in done if one.request.id in log.asked)
    return Arm(
        requests=len(done),
        usd_per_request=math.fsum(float(one.cost_usd) for one in done) / len(done),
        p50_s=quantile(waits, 0.50),
        p95_s=quantile(waits, 0.95),
        failures=sum(not one.succeeded for one in done) / len(done),
        below_floor=sum(bool(low.intersection(log.asked.get(one.request.id, ()))) for one in done),
        shares={name: count / first.total() for name, count in sorted(first.items())},
    )


def _static(setting: Setting, world: World) -> Router:
    """Foreroute's own gateway on the configured plan, which nobody steers: the same failover and the same breakers."""
    plans = build_plane(setting.settings, setting.scenario.start_at).plans
    channels = {name: one.channel for name, one in world.channels.items()}
    return GatewayRouter(plans, channels, gateway_settings(setting.settings))


def _cheapest(setting: Setting, world: World, requests: Sequence[Request]) -> Router:
    """Within the floor, by the price of the average request."""
    mean_in, mean_out = _mean_tokens(requests)
    able = [name for name in world.channels if setting.quality[name] >= setting.quality_min]
    places = {name: one.channel.concurrency_max for name, one in world.channels.items()}
    return CheapestFirst(
        sorted(able, key=lambda name: _usd(world, name, mean_in, mean_out)),
        {name: one for name, one in places.items() if one is not None},
    )


def _mean_tokens(requests: Sequence[Request]) -> tuple[float, float]:
    many = len(requests)
    return sum(one.input_tokens for one in requests) / many, sum(one.output_tokens for one in requests) / many
