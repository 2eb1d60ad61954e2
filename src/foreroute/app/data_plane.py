"""The gateway and what it needs, for one event loop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from foreroute.app.clouds import CloudAccounts
from foreroute.app.places import Places, open_places
from foreroute.app.plane import open_journal
from foreroute.app.prices import price_book
from foreroute.app.shared import SharedState, shared_gauges
from foreroute.core.accounts import AccountBooks, SharedAccounts, SharedHealth
from foreroute.core.budgets import ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.errors import StoreError
from foreroute.core.ids import ChannelId, KeyId, RegionId
from foreroute.core.keys import KeyBook
from foreroute.core.plan import RoutingPlan
from foreroute.core.ports import AttemptPricer, Clock, PriceBook
from foreroute.core.windows import Window
from foreroute.cost.ledger import price_attempts
from foreroute.gateway.account_seed import seed, seed_budgets
from foreroute.gateway.accounts import MemoryAccounts
from foreroute.gateway.asgi import Gateway
from foreroute.gateway.at_hand import AtHand
from foreroute.gateway.breaker import BreakerState
from foreroute.gateway.budgets import BudgetBook
from foreroute.gateway.door import Door
from foreroute.gateway.fleet import ChannelStanding
from foreroute.gateway.keyring import Keyring
from foreroute.gateway.network import SYSTEM, Network
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.till import Till
from foreroute.gateway.transports import ChannelTransports
from foreroute.heal.classify import default_classifier
from foreroute.monitor.collector import Collector, Fanout
from foreroute.monitor.export import AttemptCounters, Gauge
from foreroute.monitor.intake import Intake
from foreroute.monitor.journal_reader import JournalReader
from foreroute.monitor.otel import OtelOptions, OtelSink
from foreroute.regions.topology import Topology
from foreroute.settings.convert import channels_of, configured_plan, credentials_of, key_hashes_of
from foreroute.settings.model import Settings

_log: Final = logging.getLogger("foreroute.app")


@dataclass(slots=True, kw_only=True)
class DataPlane:
    """`reconfigure`, `take_keys` and `take_budgets` may be called from any thread: the gateway changes between two requests."""

    gateway: Gateway
    channels: tuple[Channel, ...]
    configured: RoutingPlan
    plans: PlanCell
    intake: Intake
    on_gateway: Callable[[Callable[[], None]], object]
    """Runs something on the gateway's event loop, soon."""
    door: Door
    till: Till
    accounts: SharedAccounts
    transport: ChannelTransports
    clouds: CloudAccounts
    clock: Clock
    places: Places
    otel: OtelSink | None = None
    shared_state: SharedState | None = None

    @property
    def shared(self) -> SharedHealth | None:
        return None if self.shared_state is None else self.shared_state.health()

    def keep_on_disk(self, folder: Path, source: str) -> JournalReader:
        self.intake.keep_on_disk(open_journal(folder, source))
        return JournalReader(folder, own=source)

    def reconfigure(self, settings: Settings) -> None:
        """Everything of a checked configuration that can change while the gateway runs. Raises ForerouteError."""
        channels = channels_of(settings)
        by_id = {channel.id: channel for channel in channels}
        topology = topology_of(settings)
        configured = configured_plan(settings, at=self.clock.now(), rank=topology.rank)
        places = open_places(settings, topology)
        self.transport.prepare(by_id)
        authorizers = self.clouds.prepare(settings)

        def exchange() -> None:
            self.door.adopt(key_hashes_of(settings), locked=settings.gateway.require_key)
            self.till.adopt(*_prices(settings, by_id))
            self.transport.adopt(by_id, credentials_of(settings), authorizers)
            self.transport.warm()
            self.places.adopt(*places)
            self.gateway.reconfigure(gateway_settings(settings), by_id)
            self.plans.reconfigure(configured)
            if self.otel is not None:
                self.otel.adopt(by_id)

        self.channels, self.configured = channels, configured
        self.on_gateway(exchange)

    def take_keys(self, book: KeyBook, spends: Mapping[Window, Mapping[KeyId, Decimal]], at: float) -> None:
        """`spends`: what each key has spent in the window that holds `at`."""

        def exchange() -> None:
            self.door.ring = Keyring(
                book
            )  # first: a key that was taken back must not outlive a trouble below
            try:
                seed(self.accounts, book, spends, at)
            except StoreError as error:
                _log.error("accounts_not_restored", extra={"error": str(error)})

        self.on_gateway(exchange)

    def take_budgets(self, budgets: Sequence[ScopedBudget], spends: Mapping[str, Decimal], at: float) -> None:
        """`spends`: what each budget has spent in the window that holds `at`, by its name."""
        book = BudgetBook(budgets)

        def exchange() -> None:
            self.till.book = book
            try:
                seed_budgets(self.accounts, book, spends, at)
            except StoreError as error:
                _log.error("accounts_not_restored", extra={"error": str(error)})

        self.on_gateway(exchange)


def build_data_plane(
    settings: Settings,
    *,
    clock: Clock,
    rng: Random,
    accounts: AccountBooks | None = None,
    shared: SharedState | None = None,
    gauges: Sequence[Gauge] = (),
    render_metrics: Callable[[], Awaitable[bytes]] | None = None,
    locked: bool = False,
    queue: bool = True,
    network: Network = SYSTEM,
) -> DataPlane:
    """For the running event loop; without one, for whoever calls. `shared` accounts go before `accounts`. `gauges` are added to the gateway's own, unless
    `render_metrics` asks somebody else for all of them. Raises ForerouteError for extras that are missing.
    """
    channels = channels_of(settings)
    by_id = {channel.id: channel for channel in channels}
    configured = configured_plan(settings, at=clock.now(), rank=topology_of(settings).rank)
    plans = PlanCell(configured)
    intake, clouds = Intake(Collector() if queue else None), CloudAccounts(clock.now)
    transport = ChannelTransports(
        by_id, credentials_of(settings), authorizers=clouds.prepare(settings), network=network
    )
    door = Door(key_hashes_of(settings), locked=settings.gateway.require_key, shut=locked)
    books = shared.accounts if shared is not None else AtHand(accounts or MemoryAccounts())
    till = Till(books, *_prices(settings, by_id))
    places = Places()
    places.adopt(*open_places(settings, topology_of(settings)))
    own = _Gauges(plans, clock)
    sharing = () if shared is None else shared_gauges(shared.health)
    counters = AttemptCounters([*own.all(), *sharing, *gauges])
    otel = _otel(settings, by_id)
    gateway = Gateway(
        gateway_settings(settings),
        channels=by_id,
        plans=plans,
        sink=Fanout([intake, counters] if otel is None else [intake, counters, otel]),
        transport=transport,
        classifier=default_classifier(),
        clock=clock,
        rng=rng,
        render_metrics=counters.render if render_metrics is None else render_metrics,
        locator=places,
        door=door,
        till=till,
        shared=lambda: None if shared is None else shared.health(),
    )
    own.gateway = gateway
    return DataPlane(
        gateway=gateway,
        channels=channels,
        configured=configured,
        plans=plans,
        intake=intake,
        on_gateway=_runner(),
        door=door,
        till=till,
        accounts=books,
        transport=transport,
        clouds=clouds,
        clock=clock,
        places=places,
        otel=otel,
        shared_state=shared,
    )


def _runner() -> Callable[[Callable[[], None]], object]:
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        return lambda work: work()


def _prices(settings: Settings, channels: Mapping[ChannelId, Channel]) -> tuple[PriceBook, AttemptPricer]:
    """The price book, and what the ledger will say that an attempt cost."""
    book = price_book(settings)
    return book, lambda attempt: price_attempts([attempt], channels, book)[0].cost_usd


def _otel(settings: Settings, channels: Mapping[ChannelId, Channel]) -> OtelSink | None:
    """Raises MissingExtra if it is on and not installed."""
    section = settings.otel
    if not section.enabled:
        return None
    options = OtelOptions(endpoint=section.endpoint, traces=section.traces, interval_s=section.interval)
    return OtelSink(options, channels)


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
        residency={tag: frozenset(map(RegionId, regions)) for tag, regions in settings.residency.items()},
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


class _Gauges:
    """The gauges of `/metrics`: read on the gateway's own loop, when somebody asks."""

    def __init__(self, plans: PlanCell, clock: Clock) -> None:
        self._plans = plans
        self._clock = clock
        self.gateway: Gateway | None = None

    def all(self) -> Sequence[Gauge]:
        return (
            Gauge(
                "foreroute_requests_unasked",
                "Requests since the start that no channel was asked for: refused, or their client left.",
                ("why",),
                self._unasked,
            ),
            Gauge("foreroute_plan_version", "The plan that serves.", (), self._version),
            Gauge(
                "foreroute_share_ratio", "Share of a channel in a route.", ("route", "channel"), self._shares
            ),
            Gauge(
                "foreroute_breaker_open", "1 while a channel's breaker is open.", ("channel",), self._breakers
            ),
            Gauge("foreroute_in_flight", "Attempts under way on a channel.", ("channel",), self._in_flight),
        )

    def _unasked(self) -> Iterable[tuple[Sequence[str], float]]:
        if self.gateway is not None:
            yield ("refused",), float(self.gateway.tally.refused)
            yield ("left",), float(self.gateway.tally.left)
            yield ("unread",), float(self.gateway.tally.unread)

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

    def _standings(self) -> Iterable[tuple[ChannelId, ChannelStanding]]:
        if self.gateway is None:
            return ()
        return self.gateway.standings(asyncio.get_running_loop().time()).items()
