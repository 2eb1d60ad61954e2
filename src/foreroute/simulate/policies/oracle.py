"""An oracle that knows the future: no policy can do better for any request, on latency, violations and failures.

What a request waits for is worth a loss in seconds (`Loss`), and the oracle names the least loss that any channel, asked
at any instant from the request's arrival on, could have given it if it had been the only request in the world. So it
pays no queue, no rate limit and no strain of its own making, and is a bound rather than a policy: a real one that knows
as much and has to live with its own load is in `clairvoyant.py`.

That the bound holds for each request rests on how the world works: luck depends on the names of channel, request and
try alone, and load only ever adds waiting and refusals. Between two instants at which a fault begins or ends, what a
channel would take changes far more slowly than time passes, so the best instant to ask is the arrival or the end of
such a piece. A channel is asked again (with other luck) only by those who have failed there before.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile
from typing import Final, NamedTuple

from foreroute.core.ids import ChannelId
from foreroute.simulate.channel import ChannelModel
from foreroute.simulate.faults import ColdStart, Outage, PriceChange, SlowRamp
from foreroute.simulate.policies.rules import ATTEMPTS_MAX
from foreroute.simulate.replies import Reply
from foreroute.simulate.request import Done, Request
from foreroute.simulate.upstreams import Upstreams
from foreroute.simulate.world import World

_IMPATIENT_S: Final = 1.0
"""Nobody gives a channel up sooner than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a user loses by one request, in seconds of waiting; less is better."""

    limit_s: float
    """The objective: who waits longer for the first content has it violated."""
    violation_s: float = 1.0
    """So much does a violation count on top of the waiting."""
    failure_s: float = 30.0
    """So much does a failure count; waiting beyond it counts no more."""

    def of(self, waited_s: float, *, succeeded: bool) -> float:
        if not succeeded:
            return self.failure_s + self.violation_s
        violated = waited_s > self.limit_s
        return min(waited_s, self.failure_s) + (self.violation_s if violated else 0.0)

    def of_done(self, done: Done) -> float:
        return self.of(waited_s(done), succeeded=done.succeeded)


def waited_s(done: Done) -> float:
    """What the user waited for: the first content of a stream, the whole of another answer; infinity if it failed."""
    if not done.succeeded:
        return math.inf
    return done.first_chunk_s if done.request.stream and done.first_chunk_s is not None else done.duration_s


class Best(NamedTuple):
    """The least loss of one request, and how it would have come about."""

    loss_s: float
    waited_s: float
    """Infinity: it fails whatever one does."""
    channel: ChannelId
    cost_usd: Decimal


class Oracle:
    def __init__(self, world: World, loss: Loss) -> None:
        self._world, self._loss = world, loss
        self._idle = Upstreams(world)  # never asked, only peeked into: the world with nobody else in it
        self._turns = {channel: _turns(world, channel) for channel in world.channels}

    def best(self, request: Request) -> Best:
        found = [self._best_of(channel, request) for channel in self._world.channels]
        return min(found, key=lambda one: one.loss_s)

    def _best_of(self, channel: ChannelId, request: Request) -> Best:
        way_s = self._world.distances.round_trip_s(
            request.place, self._world.channels[channel].channel.region
        )
        mine: list[Best] = []
        for again in range(ATTEMPTS_MAX):
            earliest = request.at + again * way_s
            replies = [
                (at, self._idle.peek(channel, request, at, again=again))
                for at in self._instants(channel, request, earliest, again)
            ]
            mine += [self._valued(channel, request, at, reply) for at, reply in replies]
            if not self._may_fail(channel, request, replies):
                break
        return min(mine, key=lambda one: one.loss_s)

    def _valued(self, channel: ChannelId, request: Request, at: float, reply: Reply) -> Best:
        spoken_s = reply.first_chunk_s if request.stream else reply.ends_s
        home_s = self._world.distances.to_gateway_s(request.place)
        waited = at - request.at + spoken_s + home_s if reply.succeeds else math.inf
        cost = self._world.charge(channel, reply.usage, at) or Decimal(0)
        return Best(self._loss.of(waited, succeeded=reply.succeeds), waited, channel, cost)

    def _instants(self, channel: ChannelId, request: Request, earliest: float, again: int) -> Iterator[float]:
        """The arrival, and when something about the channel changes while waiting is better than failing."""
        yield earliest
        turns = self._turns[channel]
        latest = request.at + self._loss.failure_s
        first = bisect_right(turns, earliest)
        yield from takewhile(lambda at: at <= latest, turns[first:])
        released = self._loaded_at(channel, request, again)
        if released is not None and earliest < released <= latest:
            yield released

    def _loaded_at(self, channel: ChannelId, request: Request, again: int) -> float | None:
        """When a cold channel stops telling this request to wait; None: it does not."""
        colds = [
            fault for fault in self._world.faults if isinstance(fault, ColdStart) and fault.channel == channel
        ]
        trouble = self._world.luck.attempt(f"{channel}/{request.id}/{again}").trouble if colds else 0.0
        ends = [
            one.end_at - trouble / one.loading_ratio * (one.end_at - one.start_at)
            for one in colds
            if trouble < one.loading_ratio
        ]
        return max(ends, default=None)

    def _may_fail(self, channel: ChannelId, request: Request, replies: Sequence[tuple[float, Reply]]) -> bool:
        """Whether a policy may have to ask this channel once more: it fails at some instant, or under some load."""
        if _refuses_under_load(self._world.channels[channel]):
            return True
        if len(replies) > 1 or self._is_troubled(channel, request.at):
            return True
        _, only = replies[0]
        return not only.succeeds or min(only.first_chunk_s, only.ends_s) > _IMPATIENT_S

    def _is_troubled(self, channel: ChannelId, at: float) -> bool:
        return any(
            fault.channel == channel and fault.start_at <= at < fault.end_at
            for fault in self._world.faults
            if not isinstance(fault, SlowRamp | PriceChange)
        )


def _refuses_under_load(model: ChannelModel) -> bool:
    return model.limits is not None or model.quota is not None or model.capacity is not None


def _turns(world: World, channel: ChannelId) -> list[float]:
    """When something about a channel changes at a stroke, in order."""
    found: set[float] = set()
    for fault in world.faults:
        if fault.channel != channel:
            continue
        found |= {fault.start_at, fault.end_at}
        if isinstance(fault, SlowRamp):
            found |= {fault.peak_at, fault.recover_at}
        if isinstance(fault, Outage) and math.isfinite(fault.every_s) and math.isfinite(fault.end_at):
            rounds = math.ceil((fault.end_at - fault.start_at) / fault.every_s)
            found |= {fault.start_at + number * fault.every_s + fault.down_s for number in range(rounds)}
            found |= {fault.start_at + number * fault.every_s for number in range(rounds)}
    return sorted(at for at in found if math.isfinite(at))
