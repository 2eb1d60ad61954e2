"""The gateway and what it needs, for one event loop."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from foreroute.app.prices import price_book
from foreroute.core.accounts import AccountBooks
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId
from foreroute.core.plan import RoutingPlan
from foreroute.core.ports import Clock
from foreroute.cost.ledger import price_attempts
from foreroute.gateway.accounts import MemoryAccounts
from foreroute.gateway.asgi import Gateway
from foreroute.gateway.breaker import BreakerState
from foreroute.gateway.door import Door
from foreroute.gateway.fleet import ChannelStanding
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.till import Till
from foreroute.gateway.transport import AiohttpTransport
from foreroute.heal.classify import RuleClassifier
from foreroute.monitor.collector import Collector, Fanout
from foreroute.monitor.export import AttemptCounters, Gauge
from foreroute.monitor.intake import Intake
from foreroute.regions.locate import HeaderLocator
from foreroute.regions.topology import Topology
from foreroute.settings.convert import channels_of, configured_plan, credentials_of, key_hashes_of
from foreroute.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlane:
    gateway: Gateway
    channels: tuple[Channel, ...]
    configured: RoutingPlan
    plans: PlanCell
    intake: Intake
    door: Door
    accounts: AccountBooks


def build_data_plane(
    settings: Settings, *, clock: Clock, rng: Random, last_tick_at: Callable[[], float | None] = lambda: None
) -> DataPlane:
    """`last_tick_at` feeds the gauge by which monitoring sees that the control loop lives."""
    channels = channels_of(settings)
    configured = configured_plan(settings, at=clock.now(), rank=topology_of(settings).rank)
    plans = PlanCell(configured)
    intake = Intake(Collector())
    by_id = {channel.id: channel for channel in channels}
    door = Door(key_hashes_of(settings), locked=settings.gateway.require_key)
    accounts, prices = MemoryAccounts(), price_book(settings)
    gauges = _Gauges(plans, clock, last_tick_at)
    counters = AttemptCounters(gauges.all())
    gateway = Gateway(
        gateway_settings(settings),
        channels=by_id,
        plans=plans,
        sink=Fanout([intake, counters]),
        transport=AiohttpTransport(credentials_of(settings)),
        classifier=RuleClassifier(),
        clock=clock,
        rng=rng,
        render_metrics=counters.render,
        locator=_locator(settings),
        door=door,
        till=Till(accounts, prices, lambda attempt: price_attempts([attempt], by_id, prices)[0].cost_usd),
    )
    gauges.gateway = gateway
    return DataPlane(
        gateway=gateway,
        channels=channels,
        configured=configured,
        plans=plans,
        intake=intake,
        door=door,
        accounts=accounts,
    )


def gateway_settings(settings: Settings) -> GatewaySettings:
    section = settings.gateway
    return GatewaySettings(
        body_bytes_max=section.body_max,
        depth_max=section.depth_max,
        deadline_s=section.deadline,
        queue_s=section.queue,
        queue_max=section.queue_max,
        keep_alive_s=section.keep_alive,
        passthrough=frozenset(section.passthrough),
        probe=section.probe,
    )


def topology_of(settings: Settings) -> Topology:
    """Distances from the gateway's own region; without one, all regions are as near as they are listed."""
    names = [region.name for region in settings.regions]
    names += [channel.region for channel in settings.channels if channel.region not in names]
    regions = tuple(dict.fromkeys(RegionId(name) for name in names))
    home = RegionId(settings.gateway.region) if settings.gateway.region is not None else regions[0]
    times = {
        RegionId(other): round_trip_s
        for region in settings.regions
        if region.name == home
        for other, round_trip_s in region.round_trip.items()
    }
    times |= {
        RegionId(region.name): region.round_trip[home]
        for region in settings.regions
        if home in region.round_trip
    }
    return Topology(regions, home, round_trip_s=times)


def _locator(settings: Settings) -> HeaderLocator | None:
    header = settings.gateway.client_region_header
    if header is None:
        return None
    default = RegionId(settings.gateway.region) if settings.gateway.region is not None else None
    return HeaderLocator(header, trusted=True, regions=topology_of(settings).regions, default=default)


class _Gauges:
    """The gauges of `/metrics`: read on the gateway's own loop, when somebody asks."""

    def __init__(self, plans: PlanCell, clock: Clock, last_tick_at: Callable[[], float | None]) -> None:
        self._plans = plans
        self._clock = clock
        self._last_tick_at = last_tick_at
        self.gateway: Gateway | None = None

    def all(self) -> Sequence[Gauge]:
        return (
            Gauge("foreroute_plan_version", "The plan that serves.", (), self._version),
            Gauge(
                "foreroute_share_ratio", "Share of a channel in a route.", ("route", "channel"), self._shares
            ),
            Gauge(
                "foreroute_breaker_open", "1 while a channel's breaker is open.", ("channel",), self._breakers
            ),
            Gauge("foreroute_in_flight", "Attempts under way on a channel.", ("channel",), self._in_flight),
            Gauge(
                "foreroute_loop_last_tick_timestamp_seconds",
                "When the control loop last ticked.",
                (),
                self._tick,
            ),
        )

    def _version(self) -> Iterable[tuple[Sequence[str], float]]:
        yield (), float(self._plans.current().version)

    def _shares(self) -> Iterable[tuple[Sequence[str], float]]:
        for name in self._plans.configured.routes:
            served = self._plans.route(name, self._clock.now())
            for target in served.route.targets if served else ():
                yield (name, target.channel), target.weight

    def _breakers(self) -> Iterable[tuple[Sequence[str], float]]:
        for channel, standing in self._standings():
            yield (channel,), float(standing.breaker is BreakerState.OPEN)

    def _in_flight(self) -> Iterable[tuple[Sequence[str], float]]:
        for channel, standing in self._standings():
            yield (channel,), float(standing.in_flight)

    def _tick(self) -> Iterable[tuple[Sequence[str], float]]:
        if (at := self._last_tick_at()) is not None:
            yield (), at

    def _standings(self) -> Iterable[tuple[ChannelId, ChannelStanding]]:
        if self.gateway is None:
            return ()
        return self.gateway.standings(asyncio.get_running_loop().time()).items()
