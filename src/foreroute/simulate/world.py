"""A seeded world of channels and faults. What a request meets depends on the seed, the channel and the request's
own name alone, so it is the same in whatever order requests arrive.

`World` knows the truth of every instant and holds no state of a run; queues, limits and quotas live in `Upstreams`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import exp
from random import Random

from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId
from foreroute.core.ports import Price
from foreroute.simulate.channel import ChannelModel
from foreroute.simulate.draws import Luck, Roam
from foreroute.simulate.faults import (
    ColdStart,
    ErrorBurst,
    Fault,
    HollowAnswers,
    Outage,
    PriceChange,
    QuotaSpent,
    SlowRamp,
    StreamCuts,
)
from foreroute.simulate.places import Distances
from foreroute.simulate.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the world does with one request. `fault` set: an error comes after `first_chunk_s` instead."""

    first_chunk_s: float
    token_s: float
    fault: ErrorBurst | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a request is to expect of a channel at an instant: means over luck, with the load that is given."""

    first_chunk_s: float
    duration_s: float
    failure_ratio: float
    cost_usd: Decimal | None


@dataclass(slots=True)
class _Troubles:
    """The faults of one channel, by kind."""

    ramps: list[SlowRamp]
    bursts: list[ErrorBurst]
    outages: list[Outage]
    cold: list[ColdStart]
    cuts: list[StreamCuts]
    hollow: list[HollowAnswers]
    spent: list[QuotaSpent]
    prices: list[PriceChange]


class World:
    """`distances`: how far users are from channels; without it, everything is at one place."""

    def __init__(
        self,
        seed: int,
        channels: Sequence[ChannelModel],
        faults: Sequence[Fault] = (),
        *,
        distances: Distances | None = None,
    ) -> None:
        self._seed = seed
        self._channels: Mapping[ChannelId, ChannelModel] = {model.channel.id: model for model in channels}
        self._faults: list[Fault] = []
        self._troubles = {name: _Troubles([], [], [], [], [], [], [], []) for name in self._channels}
        self.luck = Luck(seed)
        self.distances = Distances() if distances is None else distances
        self._roams = {
            name: Roam(self.luck, f"roam/{name}") for name, model in self._channels.items() if model.roam
        }
        self._noise_means = {
            name: (model.noise_mean, model.token_noise_mean) for name, model in self._channels.items()
        }
        for fault in faults:
            self.add(fault)

    @property
    def channels(self) -> Mapping[ChannelId, ChannelModel]:
        return self._channels

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(self._faults)

    def add(self, fault: Fault) -> None:
        """From now on the fault is part of the world. What has been answered already stays as it was."""
        mine = self._troubles.get(fault.channel)
        self._faults.append(fault)
        if mine is None:
            return
        match fault:
            case SlowRamp():
                mine.ramps.append(fault)
            case ErrorBurst():
                mine.bursts.append(fault)
            case Outage():
                mine.outages.append(fault)
            case ColdStart():
                mine.cold.append(fault)
            case StreamCuts():
                mine.cuts.append(fault)
            case HollowAnswers():
                mine.hollow.append(fault)
            case QuotaSpent():
                mine.spent.append(fault)
            case PriceChange():
                mine.prices.append(fault)

    # One answer without any state, for providers that keep none ----------------------------------------------------

    def answer(self, channel: ChannelId, request: str, *, at: float, input_tokens: int) -> Answer:
        model = self._channels[channel]
        rng = Random(f"{self._seed}/{channel}/{request}")
        first = model.sample_first_chunk_s(
            rng, at=at, slowdown=self.slowdown(channel, at), input_tokens=input_tokens
        )
        token_s = model.token_s * rng.uniform(0.9, 1.1)
        return Answer(first_chunk_s=first, token_s=token_s, fault=self._fault(model, rng.random(), at))

    def _fault(self, model: ChannelModel, chance: float, at: float) -> ErrorBurst | None:
        burst = self.burst(model.channel.id, chance, at)
        if burst is None and chance > 1.0 - model.failure_ratio:
            return ErrorBurst(
                channel=model.channel.id,
                start_at=at,
                end_at=at,
                ratio=1.0,
                status=500,
                code="internal_error",
                message="The server had an error while processing your request",
            )
        return burst

    # What is the matter with a channel at an instant ---------------------------------------------------------------

    def slowdown(self, channel: ChannelId, at: float) -> float:
        """By faults alone, ≥ 1."""
        factors = [ramp.slowdown(at) for ramp in self._troubles[channel].ramps]
        return max(factors, default=1.0)

    def level(self, channel: ChannelId, at: float) -> float:
        """How much slower than at a quiet hour everything is: hours, wandering and faults together."""
        model = self._channels[channel]
        level = model.load_factor(at) * self.slowdown(channel, at)
        roam = self._roams.get(channel)
        return level if roam is None else level * exp(model.roam * roam.at(at))

    def burst(self, channel: ChannelId, chance: float, at: float) -> ErrorBurst | None:
        """The burst that a request with this luck meets."""
        for burst in self._troubles[channel].bursts:
            if burst.is_on(at) and chance < burst.ratio:
                return burst
        return None

    def outage(self, channel: ChannelId, at: float) -> Outage | None:
        return next((one for one in self._troubles[channel].outages if one.is_on(at)), None)

    def breaks_at(self, channel: ChannelId, at: float) -> float:
        """When the next outage will cut what is under way now; infinity: never."""
        outages = self._troubles[channel].outages
        return min((one.next_at(at) for one in outages), default=float("inf")) if outages else float("inf")

    def cold(self, channel: ChannelId, at: float) -> tuple[float, float]:
        """(seconds on top of the time to first token, part of requests that is told to wait)."""
        extra_s = loading = 0.0
        for one in self._troubles[channel].cold:
            share = one.share(at)
            extra_s, loading = max(extra_s, share * one.extra_s), max(loading, share * one.loading_ratio)
        return extra_s, loading

    def cut_ratio(self, channel: ChannelId, at: float) -> float:
        return max((one.ratio for one in self._troubles[channel].cuts if one.is_on(at)), default=0.0)

    def hollow_ratio(self, channel: ChannelId, at: float) -> float:
        return max((one.ratio for one in self._troubles[channel].hollow if one.is_on(at)), default=0.0)

    def spent_until(self, channel: ChannelId, at: float) -> float | None:
        """When a quota that a fault has used up begins anew; None: it is not used up by one."""
        return max((one.end_at for one in self._troubles[channel].spent if one.is_on(at)), default=None)

    def price_factor(self, channel: ChannelId, at: float) -> float:
        factor = 1.0
        for change in self._troubles[channel].prices:
            if change.start_at <= at < change.end_at:
                factor *= change.factor
        return factor

    # Prices, as a price book says them -----------------------------------------------------------------------------

    def cost_usd(self, channel: Channel, usage: Usage, at: float) -> Price:
        """The `PriceBook` of this world: what its providers charge at that instant."""
        cost = self.charge(channel.id, usage, at)
        return Price(cost, "unpriced" if cost is None else "world")

    def charge(self, channel: ChannelId, usage: Usage, at: float) -> Decimal | None:
        price = self._channels[channel].price
        if price is None:
            return None
        cost = price.cost_usd(usage)
        factor = self.price_factor(channel, at)
        return cost if factor == 1.0 else cost * Decimal(str(factor))

    # The truth, for oracles and for grading. Never shown to a control loop -----------------------------------------

    def truth(self, channel: ChannelId, request: Request, at: float, *, in_flight: int = 0) -> Truth:
        """What this request is to expect there at that instant, with so many others under way on the channel.

        Whoever needs the very answer that would come asks `Upstreams.peek`.
        """
        model = self._channels[channel]
        noise, token_noise = self._noise_means[channel]
        level = self.level(channel, at)
        extra_s, loading = self.cold(channel, at)
        factor, strain, wait_share = level, 1.0, 0.0
        if model.capacity is not None:
            busy = min(in_flight, model.capacity.slots) / model.capacity.slots
            strain = 1.0 + model.capacity.strain * busy * busy
            wait_share = max(0, in_flight + 1 - model.capacity.slots) / model.capacity.slots
        first_s = model.usual_first_chunk_s(request.input_tokens) * factor * strain * noise + extra_s
        body_s = model.token_s * request.output_tokens * factor * strain * token_noise
        wait_s = wait_share * (first_s + body_s)
        way_s = self.distances.round_trip_s(request.place, model.channel.region)
        return Truth(
            first_chunk_s=way_s + wait_s + first_s,
            duration_s=way_s + wait_s + first_s + body_s,
            failure_ratio=self._failure_ratio(channel, at, loading),
            cost_usd=self.charge(
                channel, Usage(request.input_tokens, output_tokens=request.output_tokens), at
            ),
        )

    def _failure_ratio(self, channel: ChannelId, at: float, loading: float) -> float:
        if self.outage(channel, at) is not None or self.spent_until(channel, at) is not None:
            return 1.0
        bursts = [burst.ratio for burst in self._troubles[channel].bursts if burst.is_on(at)]
        parts = (
            max(bursts, default=0.0),
            loading,
            self.cut_ratio(channel, at),
            self.hollow_ratio(channel, at),
            self._channels[channel].failure_ratio,
        )
        well = 1.0
        for part in parts:
            well *= 1.0 - part
        return 1.0 - well

    def first_chunk_p95_s(self, channel: ChannelId, at: float, *, input_tokens: int) -> float:
        """The truth, for grading decisions after the fact. Never shown to the control loop."""
        return self._channels[channel].first_chunk_p95_s(
            at=at, slowdown=self.slowdown(channel, at), input_tokens=input_tokens
        )

    def crossing_at(
        self, channel: ChannelId, limit_s: float, *, start_at: float, end_at: float, input_tokens: int
    ) -> float | None:
        """The first minute in which the channel's true p95 exceeds a limit; None if it stays under."""
        at = start_at
        while at < end_at:
            if self.first_chunk_p95_s(channel, at, input_tokens=input_tokens) > limit_s:
                return at
            at += 60.0
        return None

    def regions(self) -> frozenset[RegionId]:
        return frozenset(model.channel.region for model in self._channels.values())
