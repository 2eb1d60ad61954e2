"""Requests through a simulated world, on its own time: event by event, with retries decided by a router.

`Simulation` can be stepped: `advance` to an instant, `inject` a fault, look at it with `seen`, go on. `run` plays one
to its end.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Final

from foreroute.core.attempt import Attempt, Outcome
from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureEvidence, Phase
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Classifier
from foreroute.heal.classify import RuleClassifier
from foreroute.simulate.faults import Fault, Outage
from foreroute.simulate.replies import SILENT, STALLED, UNREACHABLE, Reply, broken_off
from foreroute.simulate.request import Done, Request
from foreroute.simulate.routing import Asking, Hold, Pick, Router, Ticking
from foreroute.simulate.upstreams import Upstreams
from foreroute.simulate.world import World

_OUTCOMES: Final = {
    FailureClass.RATE_LIMITED: Outcome.THROTTLED,
    FailureClass.TIMEOUT_CONNECT: Outcome.TIMEOUT,
    FailureClass.TIMEOUT_READ: Outcome.TIMEOUT,
    FailureClass.COLD_START: Outcome.FAILURE,
}
"""As the gateway judges them."""


@dataclass(slots=True, kw_only=True)
class _Call:
    """One request on its way."""

    request: Request
    tried: list[ChannelId] = field(default_factory=list)
    cost_usd: Decimal = Decimal(0)
    failed: Attempt | None = None
    holding: int = 0
    """Which of its holds it waits in; an older one has no say any more."""


@dataclass(slots=True)
class _Flight:
    """One attempt under way."""

    call: _Call
    pick: Pick
    number: int
    started_at: float
    reply: Reply
    ends_at: float
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A simulation as it stands at an instant."""

    at: float
    arrived: int
    succeeded: int
    failed: int
    in_flight: dict[ChannelId, int]
    waiting: int
    """Requests that wait for a place on a channel, at the gateway."""


class Simulation:
    """One run of a world. `requests` come in order of time; `chance` is for the router alone.

    Attempts are returned by `advance` in order of their end; `on_done` hears of each request when it is over.
    """

    def __init__(
        self,
        world: World,
        requests: Iterable[Request],
        router: Router,
        *,
        chance: Random,
        start_at: float,
        upstreams: Upstreams | None = None,
        classifier: Classifier | None = None,
        on_done: Callable[[Done], None] = lambda _done: None,
    ) -> None:
        self.world = world
        self.at = start_at
        self.upstreams = Upstreams(world) if upstreams is None else upstreams
        self._requests = iter(requests)
        self._next = next(self._requests, None)
        self._router = router
        self._chance = chance
        self._classifier = RuleClassifier() if classifier is None else classifier
        self._classes: dict[FailureEvidence, FailureClass] = {}
        self._on_done = on_done
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._flights: dict[ChannelId, dict[int, _Flight]] = {name: {} for name in world.channels}
        self._held: dict[ChannelId, dict[int, tuple[_Call, int]]] = {name: {} for name in world.channels}
        self._waiting = 0
        self._ended: list[Attempt] = []
        self._arrived = self._succeeded = self._failed = 0
        if isinstance(router, Ticking):
            self._schedule_tick(router)

    def advance(self, until: float) -> list[Attempt]:
        """Everything that happens before an instant. Returns the attempts that ended."""
        events = self._events
        while True:
            arrival, event_at = self._next, events[0][0] if events else math.inf
            if arrival is not None and arrival.at <= event_at:
                if arrival.at >= until:
                    break
                self._next = next(self._requests, None)
                self.at = max(self.at, arrival.at)
                self._arrived += 1
                self._ask(_Call(request=arrival))
            elif event_at < until:
                self.at, _, event = heapq.heappop(events)
                event()
            else:
                break
        self.at = max(self.at, until) if until != math.inf else self.at
        ended, self._ended = self._ended, []
        return ended

    @property
    def is_over(self) -> bool:
        """Whether no request is left, neither to come nor under way."""
        return self._next is None and self._arrived == self._succeeded + self._failed

    def inject(self, fault: Fault) -> None:
        """The fault is part of the world from now on; one that began earlier begins now. An outage cuts what is under way."""
        self.world.add(fault)
        if isinstance(fault, Outage) and fault.channel in self._flights:
            breaks_at = max(self.at, fault.start_at)
            for flight in list(self._flights[fault.channel].values()):
                if breaks_at < flight.ends_at:
                    self._cut(flight, breaks_at)

    def seen(self) -> Seen:
        return Seen(
            at=self.at,
            arrived=self._arrived,
            succeeded=self._succeeded,
            failed=self._failed,
            in_flight={name: len(flights) for name, flights in self._flights.items()},
            waiting=self._waiting,
        )

    # Events --------------------------------------------------------------------------------------------------------

    def _at(self, at: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, event))

    def _schedule_tick(self, router: Ticking) -> None:
        at = (self.at // router.tick_s + 1) * router.tick_s

        def tick() -> None:
            router.tick(at)
            if not self.is_over:
                self._schedule_tick(router)

        self._at(at, tick)

    def _ask(self, call: _Call, *, held: bool = False) -> None:
        said = self._router.pick(
            Asking(
                request=call.request,
                at=self.at,
                chance=self._chance,
                tried=call.tried,
                failed=call.failed,
                held=held,
            )
        )
        if said is None:
            self._finish(call, self.at, first_chunk_s=None, succeeded=False)
        elif isinstance(said, Hold):
            self._hold(call, said)
        elif said.wait_s > 0.0:
            self._at(self.at + said.wait_s, lambda: self._start(call, said))
        else:
            self._start(call, said)

    def _hold(self, call: _Call, hold: Hold) -> None:
        call.holding += 1
        self._count += 1
        number, place = call.holding, self._count
        for channel in hold.channels:
            self._held[channel][place] = call, number
        self._waiting += 1

        def over() -> None:
            if call.holding == number:
                self._release(call, place, hold.channels)

        self._at(self.at + hold.for_s, over)

    def _release(self, call: _Call, place: int, channels: Iterable[ChannelId]) -> None:
        for channel in channels:
            self._held[channel].pop(place, None)
        call.holding += 1
        self._waiting -= 1
        self._ask(call, held=True)

    def _vacancy(self, channel: ChannelId) -> None:
        """Tells the first in line."""
        held = self._held[channel]
        if not held:
            return
        place = next(iter(held))
        call, number = held[place]
        others = [name for name, places in self._held.items() if place in places]
        if call.holding == number:
            self._release(call, place, others)

    def _start(self, call: _Call, pick: Pick) -> None:
        again = call.tried.count(pick.channel)
        call.tried.append(pick.channel)
        number = len(call.tried)
        self._router.started(pick, call.request, number, self.at)
        reply = self.upstreams.ask(pick.channel, call.request, self.at, again=again)
        reply = _with_patience(reply, pick, stream=call.request.stream)
        flight = _Flight(call, pick, number, self.at, reply, self.at + reply.ends_s)
        self._fly(flight)

    def _fly(self, flight: _Flight) -> None:
        self._flights[flight.pick.channel][id(flight)] = flight
        self._at(flight.ends_at, lambda: None if flight.is_over else self._end(flight))

    def _cut(self, flight: _Flight, at: float) -> None:
        flight.is_over = True
        del self._flights[flight.pick.channel][id(flight)]
        reply = broken_off(flight.reply, at - flight.started_at)
        self._fly(_Flight(flight.call, flight.pick, flight.number, flight.started_at, reply, at))

    def _end(self, flight: _Flight) -> None:
        flight.is_over = True
        call, reply, channel = flight.call, flight.reply, flight.pick.channel
        del self._flights[channel][id(flight)]
        attempt = self._attempt(flight)
        if attempt.cost_usd is not None:
            call.cost_usd += attempt.cost_usd
        self._ended.append(attempt)
        self._router.ended(attempt, reply.limits)
        if reply.succeeds:
            self._finish(call, self.at, first_chunk_s=reply.first_chunk_s, succeeded=True, flight=flight)
        elif call.request.stream and reply.has_spoken:
            self._finish(call, self.at, first_chunk_s=reply.first_chunk_s, succeeded=False, flight=flight)
        else:
            call.failed = attempt
            self._ask(call)
        self._vacancy(channel)

    def _finish(
        self,
        call: _Call,
        at: float,
        *,
        first_chunk_s: float | None,
        succeeded: bool,
        flight: _Flight | None = None,
    ) -> None:
        self._succeeded += succeeded
        self._failed += not succeeded
        way_s = self.world.distances.to_gateway_s(call.request.place)
        first_s = None
        if first_chunk_s is not None and flight is not None:
            first_s = flight.started_at + first_chunk_s - call.request.at + way_s
        self._on_done(
            Done(
                request=call.request,
                ended_at=at + way_s,
                succeeded=succeeded,
                attempts=len(call.tried),
                first_chunk_s=first_s,
                cost_usd=call.cost_usd,
            )
        )

    def _attempt(self, flight: _Flight) -> Attempt:
        request, reply, evidence = flight.call.request, flight.reply, flight.reply.evidence
        failure = None if evidence is None else self._class_of(evidence)
        stream = request.stream
        first_s: float | None = reply.first_chunk_s if stream else reply.ends_s
        if first_s == math.inf or (evidence is not None and not (stream and reply.has_spoken)):
            first_s = None
        return Attempt(
            request_id=request.id,
            number=flight.number,
            route=request.route,
            channel=flight.pick.channel,
            started_at=flight.started_at,
            duration_s=reply.ends_s,
            outcome=Outcome.SUCCESS if failure is None else _outcome_of(failure),
            reason=flight.pick.reason,
            plan_version=flight.pick.plan_version,
            client_region=request.place or None,
            key_id=request.key_id,
            stream=stream,
            time_to_first_chunk_s=first_s,
            failure_class=failure,
            phase=Phase.DONE if evidence is None else evidence.phase,
            status=200 if evidence is None else evidence.status,
            usage=reply.usage,
            cost_usd=self.world.charge(flight.pick.channel, reply.usage, flight.started_at),
            retry_after_s=None if evidence is None else evidence.retry_after_s,
            error="" if evidence is None else evidence.message,
        )

    def _class_of(self, evidence: FailureEvidence) -> FailureClass:
        found = self._classes.get(evidence)
        if found is None:
            found = self._classes[evidence] = self._classifier.classify(evidence)
        return found


def run(
    world: World,
    requests: Iterable[Request],
    router: Router,
    *,
    chance: Random,
    start_at: float,
    upstreams: Upstreams | None = None,
    on_done: Callable[[Done], None] = lambda _done: None,
    step_s: float = 60.0,
) -> Iterator[Attempt]:
    """All attempts of a run, in order of their end, until the last request is over."""
    simulation = Simulation(
        world,
        requests,
        router,
        chance=chance,
        start_at=start_at,
        upstreams=upstreams,
        on_done=on_done,
    )
    while not simulation.is_over:
        yield from simulation.advance(simulation.at + step_s)


def _with_patience(reply: Reply, pick: Pick, *, stream: bool) -> Reply:
    """What becomes of an answer under the timeouts of its caller."""
    timeouts, evidence = pick.timeouts, reply.evidence
    if evidence is UNREACHABLE:
        return Reply(ends_s=timeouts.connect_s, evidence=UNREACHABLE)
    first_s = min(reply.first_chunk_s, reply.ends_s) if stream else reply.ends_s
    limit_s = timeouts.first_chunk_s if stream else timeouts.total_s
    if first_s > limit_s:
        return Reply(ends_s=limit_s, evidence=SILENT, limits=reply.limits)
    if reply.ends_s > timeouts.total_s:
        cut = broken_off(reply, timeouts.total_s)
        return Reply(
            ends_s=cut.ends_s,
            first_chunk_s=cut.first_chunk_s,
            evidence=STALLED,
            usage=cut.usage,
            limits=cut.limits,
        )
    return reply


def _outcome_of(failure: FailureClass) -> Outcome:
    judged = Outcome.FAILURE if FAILURE_ADVICE[failure].counts_against_channel else Outcome.IGNORED
    return _OUTCOMES.get(failure, judged)
