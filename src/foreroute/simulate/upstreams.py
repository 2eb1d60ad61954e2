"""The channels of a world while it runs: their queues, rate limits and quotas. One object for each run."""

import heapq
import math
from collections import deque
from dataclasses import replace
from typing import Final

from foreroute.core.attempt import Usage
from foreroute.core.failure import FailureEvidence
from foreroute.core.ids import ChannelId
from foreroute.simulate.channel import Capacity, ChannelModel
from foreroute.simulate.draws import Draws
from foreroute.simulate.faults import Breakdown
from foreroute.simulate.limits import Gate
from foreroute.simulate.replies import (
    BREAKDOWNS,
    HOLLOW,
    INTERNAL,
    LOADING,
    OVERLOADED,
    Reply,
    broken_off,
    quota_spent,
    said_by,
    throttled,
)
from foreroute.simulate.request import Request
from foreroute.simulate.world import World

_REFUSAL_S: Final = 0.03
"""What a provider takes to say no."""
_BREAK_S: Final = 0.1
"""When a channel goes down, the connections to it break one after the other within this."""
_INSTANT_S: Final = 1e-6
"""Two events as near as this are at the same instant: seconds since the epoch are no finer than a quarter of it."""


class _Line:
    """Slots and who waits for them: first come, first served."""

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._free_at: list[float] = []
        """When each busy slot will be free."""
        self._starts: deque[float] = deque()
        """When each of those that wait will begin, in order."""

    def load(self, at: float) -> tuple[int, int, float]:
        """(busy slots, how many wait, when the next comer would begin)."""
        while self._starts and self._starts[0] <= at + _INSTANT_S:
            self._starts.popleft()
        free_at = self._free_at
        while free_at and free_at[0] <= at + _INSTANT_S:
            heapq.heappop(free_at)
        begins_at = at if len(free_at) < self.capacity.slots else free_at[0]
        return len(free_at), len(self._starts), begins_at

    def is_full(self, at: float) -> bool:
        """No slot is free, and the line is as long as it may be."""
        busy, waiting, _ = self.load(at)
        return busy >= self.capacity.slots and waiting >= self.capacity.queue_max

    def take(self, at: float, begins_at: float, work_s: float) -> None:
        """After `load`: the comer takes its slot, or its place in the line."""
        if begins_at > at:
            heapq.heapreplace(self._free_at, begins_at + work_s)
            self._starts.append(begins_at)
        else:
            heapq.heappush(self._free_at, at + work_s)


class _Upstream:
    def __init__(self, model: ChannelModel) -> None:
        self.model = model
        self.gate = Gate(model.limits, model.quota)
        self.line = None if model.capacity is None else _Line(model.capacity)


class Upstreams:
    """`ask` sends a request to a channel and says what comes back; times of one channel must not go backwards."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._all = {name: _Upstream(model) for name, model in world.channels.items()}

    def ask(self, channel: ChannelId, request: Request, at: float, *, again: int = 0) -> Reply:
        """`again`: how often this request has asked this channel before."""
        return self._answer(channel, request, at, again, commit=True)

    def peek(self, channel: ChannelId, request: Request, at: float, *, again: int = 0) -> Reply:
        """The very answer that `ask` would give now, without asking. For oracles."""
        return self._answer(channel, request, at, again, commit=False)

    def break_s(self, channel: ChannelId, request: Request, *, again: int = 0) -> float:
        """How long after the start of an outage this attempt's connection breaks."""
        return _BREAK_S * self.world.luck.attempt(f"{channel}/{request.id}/{again}").place

    def load(self, channel: ChannelId, at: float) -> tuple[int, int]:
        """(requests that are worked on, requests that wait) at the provider; zeros where nothing limits them."""
        line = self._all[channel].line
        return (0, 0) if line is None else line.load(at)[:2]

    def _answer(self, channel: ChannelId, request: Request, at: float, again: int, *, commit: bool) -> Reply:
        world, upstream = self.world, self._all[channel]
        way_s = world.distances.round_trip_s(request.place, upstream.model.channel.region)
        outage = world.troubles(channel).outage(at)
        if outage is not None:
            said_s = way_s if outage.how in (Breakdown.REFUSED, Breakdown.ERROR) else math.inf
            return Reply(ends_s=said_s, evidence=BREAKDOWNS[outage.how])
        tokens = request.input_tokens + request.output_tokens
        draws = world.luck.attempt(f"{channel}/{request.id}/{again}")
        refusal = self._refusal(upstream, draws.trouble, tokens, at)
        if refusal is not None:
            return Reply(ends_s=way_s + _REFUSAL_S, evidence=refusal, limits=upstream.gate.left(at))
        if commit:
            upstream.gate.enter(tokens, at)
        reply = self._served(upstream, request, at, way_s, draws, commit=commit)
        breaks_at = world.troubles(channel).breaks_at(at)
        return broken_off(reply, breaks_at - at + _BREAK_S * draws.place)

    def _refusal(self, upstream: _Upstream, luck: float, tokens: int, at: float) -> FailureEvidence | None:
        """Why the channel does not take the request up; None: it does."""
        channel = upstream.model.channel.id
        if self.world.troubles(channel).is_spent(at) or upstream.gate.is_spent(at):
            return quota_spent()
        wait_s = upstream.gate.refused_for_s(tokens, at)
        return self._trouble(upstream, luck, at) if wait_s is None else throttled(wait_s)

    def _trouble(self, upstream: _Upstream, luck: float, at: float) -> FailureEvidence | None:
        troubles, line = self.world.troubles(upstream.model.channel.id), upstream.line
        burst = troubles.burst(luck, at)
        if burst is not None:
            return said_by(burst)
        if luck > 1.0 - upstream.model.failure_ratio:
            return INTERNAL
        if luck < troubles.cold(at)[1]:
            return LOADING
        return OVERLOADED if line is not None and line.is_full(at) else None

    def _served(
        self, upstream: _Upstream, request: Request, at: float, way_s: float, draws: Draws, *, commit: bool
    ) -> Reply:
        world, model, line = self.world, upstream.model, upstream.line
        channel = model.channel.id
        pace, wait_s, begins_at = world.level(channel, at), 0.0, at
        if line is not None:
            busy, _, begins_at = line.load(at)
            pace *= 1.0 + line.capacity.strain * (busy / line.capacity.slots) ** 2
            wait_s = begins_at - at
        first_s = model.usual_first_chunk_s(request.input_tokens) * pace * model.noise_at(draws.noise)
        first_s += world.troubles(channel).cold(at)[0]
        body_s = model.token_s * pace * model.token_noise_at(draws.noise, draws.speed) * request.output_tokens
        if line is not None and commit:
            line.take(at, begins_at, first_s + body_s)
        return self._spoiled(
            Reply(
                first_chunk_s=way_s + wait_s + first_s,
                ends_s=way_s + wait_s + first_s + body_s,
                usage=Usage(request.input_tokens, output_tokens=request.output_tokens),
                limits=upstream.gate.left(at),
            ),
            channel,
            at,
            draws,
        )

    def _spoiled(self, reply: Reply, channel: ChannelId, at: float, draws: Draws) -> Reply:
        """The same unless the answer is hollow, or its stream breaks off."""
        troubles = self.world.troubles(channel)
        hollow, cut = troubles.hollow_ratio(at), troubles.cut_ratio(at)
        if hollow and draws.place < hollow:
            return replace(
                reply,
                ends_s=reply.first_chunk_s,
                first_chunk_s=math.inf,
                evidence=HOLLOW,
                usage=Usage(reply.usage.input_tokens),
            )
        if cut and draws.place > 1.0 - cut:
            share = (1.0 - draws.place) / cut
            return broken_off(reply, reply.first_chunk_s + share * (reply.ends_s - reply.first_chunk_s))
        return reply
