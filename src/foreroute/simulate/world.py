"""A seeded world of channels and faults. What a request meets depends on the seed, the channel and the request's
own name alone, so it is the same in whatever order requests arrive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from foreroute.core.ids import ChannelId
from foreroute.simulate.channel import ChannelModel
from foreroute.simulate.faults import ErrorBurst, Fault, SlowRamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the world does with one request. `fault` set: an error comes after `first_chunk_s` instead."""

    first_chunk_s: float
    token_s: float
    fault: ErrorBurst | None = None


class World:
    def __init__(self, seed: int, channels: Sequence[ChannelModel], faults: Sequence[Fault]) -> None:
        self._seed = seed
        self._channels: Mapping[ChannelId, ChannelModel] = {model.channel.id: model for model in channels}
        self._ramps = [fault for fault in faults if isinstance(fault, SlowRamp)]
        self._bursts = [fault for fault in faults if isinstance(fault, ErrorBurst)]

    @property
    def channels(self) -> Mapping[ChannelId, ChannelModel]:
        return self._channels

    @property
    def faults(self) -> tuple[Fault, ...]:
        return (*self._ramps, *self._bursts)

    def answer(self, channel: ChannelId, request: str, *, at: float, input_tokens: int) -> Answer:
        model = self._channels[channel]
        rng = Random(f"{self._seed}/{channel}/{request}")
        first = model.sample_first_chunk_s(
            rng, at=at, slowdown=self.slowdown(channel, at), input_tokens=input_tokens
        )
        token_s = model.token_s * rng.uniform(0.9, 1.1)
        return Answer(first_chunk_s=first, token_s=token_s, fault=self._fault(model, rng.random(), at))

    def slowdown(self, channel: ChannelId, at: float) -> float:
        factors = [ramp.slowdown(at) for ramp in self._ramps if ramp.channel == channel]
        return max(factors, default=1.0)

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

    def _fault(self, model: ChannelModel, chance: float, at: float) -> ErrorBurst | None:
        for burst in self._bursts:
            if burst.channel == model.channel.id and burst.is_on(at) and chance < burst.ratio:
                return burst
        if chance > 1.0 - model.failure_ratio:
            return ErrorBurst(
                channel=model.channel.id,
                start_at=at,
                end_at=at,
                ratio=1.0,
                status=500,
                code="internal_error",
                message="The server had an error while processing your request",
            )
        return None
