"""Which of a route's channels a request may be served by, and in which order it wants them. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel, Dialect
from foreroute.core.ids import ChannelId, RegionId
from foreroute.core.plan import Route, Target
from foreroute.core.ports import PriceBook
from foreroute.core.work import NO_WORK, Work
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.preferences import NO_PREFERENCES, Preferences, Sort

_THOUSANDS: Final = (Usage(input_tokens=1000), Usage(output_tokens=1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrice:
    """US dollars per million tokens."""

    input_usd: Decimal
    output_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What a request asks of its channel."""

    dialect: Dialect
    endpoint: Endpoint = Endpoint.CHAT
    preferences: Preferences = NO_PREFERENCES
    regions: frozenset[RegionId] | None = None
    """Where it may be served; None: anywhere."""
    pinned: ChannelId | None = None
    """The only channel that knows what the request refers to."""
    work: Work = NO_WORK
    output_tokens_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What is known about channels. Seconds; infinity where nothing is known."""

    channels: Mapping[ChannelId, Channel]
    unit_price: Callable[[Channel], UnitPrice | None]
    delay_s: Callable[[ChannelId, Work, int | None], float]
    """What this work is expected to take, with the limit on its output tokens: to the first chunk of a stream, to
    the end of another answer.
    """
    seconds_per_token: Callable[[ChannelId], float]


def unit_price(prices: PriceBook, channel: Channel, at: float) -> UnitPrice | None:
    """What a million input tokens and a million output tokens cost; None if nobody knows."""
    costs = [prices.cost_usd(channel, usage, at).cost_usd for usage in _THOUSANDS]
    return (
        None
        if costs[0] is None or costs[1] is None
        else UnitPrice(input_usd=costs[0] * 1000, output_usd=costs[1] * 1000)
    )


def narrowed(route: Route, wants: Wants, known: Knowledge) -> Route:
    """The route with the targets that fit, their priorities by the request's wishes. Without any, it has none."""
    targets = route.targets
    fitting = tuple(target for target in targets if _fits(target, wants, known))
    if wants.preferences is not NO_PREFERENCES:
        fitting = _ordered(fitting, wants, known)
    if len(fitting) == len(targets) and all(map(_same, fitting, targets)):
        return route
    return replace(route, targets=fitting)


def _same(one: Target, other: Target) -> bool:
    return one is other


def _fits(target: Target, wants: Wants, known: Knowledge) -> bool:
    channel = known.channels.get(target.channel)
    if channel is None:
        return True  # the plan names a channel that is not here: the choice reports it
    if wants.pinned is not None and target.channel != wants.pinned:
        return False
    if wants.regions is not None and channel.region not in wants.regions:
        return False
    if channel.dialect is not wants.dialect:
        return False
    if channel.adapter is not None and wants.endpoint is not Endpoint.CHAT:
        return False
    return wants.preferences is NO_PREFERENCES or _is_allowed(channel, wants.preferences, known)


def _is_allowed(channel: Channel, wishes: Preferences, known: Knowledge) -> bool:
    names = {channel.id, channel.provider}
    if wishes.only and not names & wishes.only:
        return False
    if names & wishes.ignore:
        return False
    if wishes.order and not wishes.fallbacks and not names & set(wishes.order):
        return False
    if wishes.input_price_max is None and wishes.output_price_max is None:
        return True
    price = known.unit_price(channel)
    return price is not None and (
        (wishes.input_price_max is None or price.input_usd <= wishes.input_price_max)
        and (wishes.output_price_max is None or price.output_usd <= wishes.output_price_max)
    )


def _ordered(targets: tuple[Target, ...], wants: Wants, known: Knowledge) -> tuple[Target, ...]:
    """One priority for each target that is named or ranked; the others keep their order behind them."""
    wishes = wants.preferences
    if not wishes.order and wishes.sort is None and wishes.first_chunk_max_s is None:
        return targets
    keys = {target: _key(target, wants, known) for target in targets}
    ranks = {key: number for number, key in enumerate(sorted(set(keys.values())))}
    return tuple(replace(target, priority=ranks[keys[target]]) for target in targets)


def _key(target: Target, wants: Wants, known: Knowledge) -> tuple[bool, float, float, int]:
    wishes = wants.preferences
    channel = known.channels.get(target.channel)
    if channel is None:
        return True, float("inf"), float("inf"), target.priority
    named = [n for n, name in enumerate(wishes.order) if name in {channel.id, channel.provider}]
    place = float(named[0]) if named else float("inf")
    match wishes.sort:
        case Sort.PRICE:
            price = known.unit_price(channel)
            rank = float("inf") if price is None else float(price.input_usd + price.output_usd)
        case Sort.LATENCY:
            rank = _delay_s(channel, wants, known)
        case Sort.THROUGHPUT:
            rank = known.seconds_per_token(channel.id)
        case None:
            rank = 0.0
    return _is_late(channel, wants, known), place, rank, target.priority


def _is_late(channel: Channel, wants: Wants, known: Knowledge) -> bool:
    """Whether the channel takes longer than the caller can bear; of one that nobody has tried nothing is said."""
    most_s = wants.preferences.first_chunk_max_s
    return most_s is not None and most_s < _delay_s(channel, wants, known) < float("inf")


def _delay_s(channel: Channel, wants: Wants, known: Knowledge) -> float:
    return known.delay_s(channel.id, wants.work, wants.output_tokens_max)
