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
from foreroute.simulate.faults import ErrorBurst, Fault
from foreroute.simulate.places import Distances
from foreroute.simulate.request import Request
from foreroute.simulate.troubles import Troubles


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
        self._troubles = {name: Troubles() for name in self._channels}
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
        self._faults.append(fault)
        if (mine := self._troubles.get(fault.channel)) is not None:
            mine.add(fault)

    def troubles(self, channel: ChannelId) -> Troubles:
        return self._troubles[channel]

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
        burst = self._troubles[model.channel.id].burst(chance, at)
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
        return self._troubles[channel].slowdown(at)

    def level(self, channel: ChannelId, at: float) -> float:
        """How much slower than at a quiet hour everything is: hours, wandering and faults together."""
        return (
            self._channels[channel].load_factor(at) * self.slowdown(channel, at) * self._roamed(channel, at)
        )

    def _roamed(self, channel: ChannelId, at: float) -> float:
        roam = self._roams.get(channel)
        return 1.0 if roam is None else exp(self._channels[channel].roam * roam.at(at))

    # Prices, as a price book says them -----------------------------------------------------------------------------

    def cost_usd(
        self,
        channel: Channel,
        usage: Usage,
        at: float,
        *,
        tier: str = "",  # noqa: ARG002 - the port; simulated providers have one tier
        held_s: float = 0.0,  # noqa: ARG002 - and charge for tokens
    ) -> Price:
        """The `PriceBook` of this world: what its providers charge at that instant."""
        cost = self.charge(channel.id, usage, at)
        return Price(cost, "unpriced" if cost is None else "world")

    def charge(self, channel: ChannelId, usage: Usage, at: float) -> Decimal | None:
        price = self._channels[channel].price
        if price is None:
            return None
        cost = price.cost_usd(usage)
        factor = self._troubles[channel].price_factor(at)
        return cost if factor == 1.0 else cost * Decimal(str(factor))

    # The truth, for oracles and for grading. Never shown to a control loop -----------------------------------------

    def truth(self, channel: ChannelId, request: Request, at: float, *, in_flight: int = 0) -> Truth:
        """What this request is to expect there at that instant, with so many others under way on the channel.

        Whoever needs the very answer that would come asks `Upstreams.peek`.
        """
        model, troubles = self._channels[channel], self._troubles[channel]
        noise, token_noise = self._noise_means[channel]
        pace, wait_share = self.level(channel, at), 0.0
        if model.capacity is not None:
            slots = model.capacity.slots
            pace *= 1.0 + model.capacity.strain * (min(in_flight, slots) / slots) ** 2
            wait_share = max(0, in_flight + 1 - slots) / slots
        first_s = model.usual_first_chunk_s(request.input_tokens) * pace * noise + troubles.cold(at)[0]
        whole_s = first_s + model.token_s * request.output_tokens * pace * token_noise
        before_s = self.distances.round_trip_s(request.place, model.channel.region) + wait_share * whole_s
        usage = Usage(request.input_tokens, output_tokens=request.output_tokens)
        return Truth(
            first_chunk_s=before_s + first_s,
            duration_s=before_s + whole_s,
            failure_ratio=troubles.failure_ratio(model.failure_ratio, at),
            cost_usd=self.charge(channel, usage, at),
        )

    def first_chunk_p95_s(self, channel: ChannelId, at: float, *, input_tokens: int) -> float:
        """The truth, for grading decisions after the fact. Never shown to the control loop."""
        slowdown = self.slowdown(channel, at) * self._roamed(channel, at)
        return self._channels[channel].first_chunk_p95_s(at=at, slowdown=slowdown, input_tokens=input_tokens)

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
