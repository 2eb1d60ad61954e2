"""Settings to the values that the rest of the house speaks."""

import hashlib
from collections.abc import Callable, Mapping

from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, KeyId, RegionId, RouteName
from foreroute.core.plan import BreakerPolicy, CallPolicy, Objective, Route, RoutingPlan, Target, Timeouts
from foreroute.core.series import Metric
from foreroute.settings.load import reveal
from foreroute.settings.model import (
    BreakerSettings,
    ChannelSettings,
    RouteSettings,
    Settings,
    TimeoutSettings,
)


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    return tuple(_channel(channel) for channel in settings.channels)


def credentials_of(settings: Settings) -> dict[ChannelId, str]:
    """Provider keys by channel. Hand them to the transport and to nobody else."""
    found = {ChannelId(channel.id): reveal(channel.api_key) for channel in settings.channels}
    return {channel: secret for channel, secret in found.items() if secret}


def key_hashes_of(settings: Settings) -> dict[str, KeyId]:
    """SHA-256 of each accepted key → a name that says nothing about the key."""
    secrets = [key.get_secret_value() for key in settings.gateway.api_keys]
    return {
        hashlib.sha256(key.encode()).hexdigest(): KeyId(f"key-{n}") for n, key in enumerate(secrets, start=1)
    }


def objectives_of(settings: Settings) -> dict[RouteName, Objective]:
    return {
        RouteName(route.model): Objective(metric=route.objective.metric, limit_s=route.objective.limit)
        for route in settings.routes
        if route.objective is not None
    }


def configured_plan(settings: Settings, *, at: float, rank: Callable[[RegionId], int]) -> RoutingPlan:
    """The plan that the file alone says: version 0, weights of each priority normalised to 1.

    `rank` is the distance of a region from the gateway (0 = nearest), for routes that prefer the nearest.
    """
    channels = {channel.id: channel for channel in settings.channels}
    routes = [_route(_by_distance(route, channels, rank), channels, settings) for route in settings.routes]
    return RoutingPlan(version=0, made_at=at, valid_until=at, routes={route.name: route for route in routes})


def _channel(channel: ChannelSettings) -> Channel:
    return Channel(
        id=ChannelId(channel.id),
        provider=channel.provider,
        cloud=channel.cloud or channel.provider,
        region=RegionId(channel.region),
        model=channel.model,
        base_url=channel.base_url.rstrip("/"),
        dialect=channel.dialect,
        adapter=channel.adapter,
        requests_per_minute_max=channel.limits.requests_per_minute,
        tokens_per_minute_max=channel.limits.tokens_per_minute,
        concurrency_max=channel.limits.concurrency,
        quality_score=channel.quality,
        reach=channel.reach,
    )


def _by_distance(
    route: RouteSettings, channels: Mapping[str, ChannelSettings], rank: Callable[[RegionId], int]
) -> RouteSettings:
    """The same route with its priorities split by distance, nearest first, where it asks for that."""
    if route.prefer != "nearest":
        return route
    places = {t.channel: (t.priority, rank(RegionId(channels[t.channel].region))) for t in route.targets}
    order = {place: number for number, place in enumerate(sorted(set(places.values())))}
    targets = [
        target.model_copy(update={"priority": order[places[target.channel]]}) for target in route.targets
    ]
    return route.model_copy(update={"targets": tuple(targets)})


def _route(route: RouteSettings, channels: Mapping[str, ChannelSettings], settings: Settings) -> Route:
    totals: dict[int, float] = {}
    for target in route.targets:
        totals[target.priority] = totals.get(target.priority, 0.0) + target.weight
    targets = tuple(
        Target(
            channel=ChannelId(target.channel),
            weight=target.weight / totals[target.priority] if totals[target.priority] else 0.0,
            priority=target.priority,
            policy=_policy(channels[target.channel], route, settings),
        )
        for target in route.targets
    )
    return Route(
        name=RouteName(route.model),
        targets=targets,
        attempts_max=route.attempts_max,
        sticky=route.sticky,
        fallbacks=tuple(RouteName(name) for name in route.fallbacks),
        select=route.select,
        regions=frozenset(map(RegionId, route.regions)),
    )


def _policy(channel: ChannelSettings, route: RouteSettings, settings: Settings) -> CallPolicy:
    return CallPolicy(
        timeouts=_timeouts(channel.timeouts or settings.timeouts),
        breaker=_breaker(settings.breaker),
        concurrency_max=channel.limits.concurrency,
        hedge_after_s=route.hedge_after,
    )


def _timeouts(timeouts: TimeoutSettings) -> Timeouts:
    return Timeouts(
        connect_s=timeouts.connect,
        first_chunk_s=timeouts.first_chunk,
        stall_s=timeouts.stall,
        total_s=timeouts.total,
    )


def _breaker(breaker: BreakerSettings) -> BreakerPolicy:
    return BreakerPolicy(
        consecutive_failures_max=breaker.consecutive_failures_max,
        failure_ratio_max=breaker.failure_ratio_max,
        attempts_min=breaker.attempts_min,
        window_s=breaker.window,
        open_s=breaker.open,
        open_s_max=breaker.open_max,
        half_open_successes_min=breaker.half_open_successes_min,
    )


def objective_metrics(settings: Settings) -> dict[ChannelId, Metric]:
    """The metric by which each channel is judged: its route's objective, or the time to first chunk."""
    metrics = {ChannelId(channel.id): Metric.FIRST_CHUNK_P95 for channel in settings.channels}
    for route in settings.routes:
        if route.objective is not None:
            metrics |= {ChannelId(target.channel): route.objective.metric for target in route.targets}
    return metrics
