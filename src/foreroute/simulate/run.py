"""Requests through a simulated world, on its own time: event by event, with retries decided by a router.

`Simulation` can be stepped: `advance` to an instant, `inject` a fault, look at it with `seen`, go on. `run` plays one
to its end.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from foreroute.core.attempt import Attempt
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Classifier
from foreroute.heal.classify import default_classifier
from foreroute.simulate.faults import Fault, Outage
from foreroute.simulate.flights import Call, Flight, Verdicts, attempt_of, with_patience
from foreroute.simulate.replies import broken_off
from foreroute.simulate.request import Done, Request
from foreroute.simulate.routing import Asking, Hold, Listening, Pick, Router, Ticking
from foreroute.simulate.upstreams import Upstreams
from foreroute.simulate.waiting import Waiting
from foreroute.simulate.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A simulation as it stands at an instant."""

    at: float
    arrived: int
    succeeded: int
    failed: int
    in_flight: Mapping[ChannelId, int]
    waiting: int
    """Requests that wait at the gateway for a place on a channel."""


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
        self._listener = router if isinstance(router, Listening) else None
        self._chance = chance
        self._verdicts = Verdicts(default_classifier() if classifier is None else classifier)
        self._on_done = on_done
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._flights: dict[ChannelId, dict[int, Flight]] = {name: {} for name in world.channels}
        self._waiting = Waiting(world.channels)
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
                self._ask(Call(request=arrival))
            elif event_at < until:
                self.at, _, event = heapq.heappop(events)
                event()
            else:
                break
        self.at = max(self.at, until)
        ended, self._ended = self._ended, []
        return ended

    @property
    def is_over(self) -> bool:
        """Whether no request is left, neither to come nor under way."""
        return self._next is None and self._arrived == self._succeeded + self._failed

    def inject(self, fault: Fault) -> None:
        """The fault is part of the world from now on. An outage cuts what is under way when it starts."""
        self.world.add(fault)
        if isinstance(fault, Outage) and fault.channel in self._flights:
            breaks_at = max(self.at, fault.start_at)
            for flight in list(self._flights[fault.channel].values()):
                again = flight.call.tried[: flight.number - 1].count(fault.channel)
                own_s = self.upstreams.break_s(fault.channel, flight.call.request, again=again)
                self._cut(flight, breaks_at - flight.started_at + own_s)

    def seen(self) -> Seen:
        return Seen(
            at=self.at,
            arrived=self._arrived,
            succeeded=self._succeeded,
            failed=self._failed,
            in_flight={name: len(flights) for name, flights in self._flights.items()},
            waiting=len(self._waiting),
        )

    # Events --------------------------------------------------------------------------------------------------------

    def _at(self, at: float, event: Callable[[], None]) -> int:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, event))
        return self._count

    def _schedule_tick(self, router: Ticking) -> None:
        at = (self.at // router.tick_s + 1) * router.tick_s

        def tick() -> None:
            router.tick(at)
            if not self.is_over:
                self._schedule_tick(router)

        self._at(at, tick)

    def _ask(self, call: Call, *, held: bool = False) -> None:
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
            self._finish(call, None)
        elif isinstance(said, Hold):
            self._hold(call, said)
        elif said.wait_s > 0.0:
            self._at(self.at + said.wait_s, lambda: self._start(call, said))
        else:
            self._start(call, said)

    def _hold(self, call: Call, hold: Hold) -> None:
        ticket = self._at(self.at + hold.for_s, lambda: self._release(ticket, call))
        self._waiting.add(ticket, call, hold.channels)

    def _release(self, ticket: int, call: Call) -> None:
        if self._waiting.remove(ticket):
            self._ask(call, held=True)

    def _start(self, call: Call, pick: Pick) -> None:
        again = call.tried.count(pick.channel)
        call.tried.append(pick.channel)
        number = len(call.tried)
        self._router.started(pick, call.request, number, self.at)
        reply = self.upstreams.ask(pick.channel, call.request, self.at, again=again)
        reply = with_patience(reply, pick, stream=call.request.stream)
        self._fly(Flight(call, pick, number, self.at, reply))

    def _fly(self, flight: Flight) -> None:
        self._flights[flight.pick.channel][id(flight)] = flight
        if flight.speaks_before_its_end and self._listener is not None and not flight.was_heard:
            self._at(flight.started_at + flight.reply.first_chunk_s, lambda: self._hear(flight))
        self._at(flight.ends_at, lambda: None if flight.is_over else self._end(flight))

    def _hear(self, flight: Flight) -> None:
        """A stream's first content."""
        if flight.is_over or self._listener is None:
            return
        flight.was_heard = True
        if self._listener.reached(flight.pick.channel):
            self._release_all(flight.pick.channel)

    def _release_all(self, channel: ChannelId) -> None:
        for ticket, call in self._waiting.all(channel):
            self._release(ticket, call)

    def _cut(self, flight: Flight, after_s: float) -> None:
        """What is over before that stays as it is."""
        reply = broken_off(flight.reply, after_s)
        if reply is flight.reply:
            return
        flight.is_over = True
        del self._flights[flight.pick.channel][id(flight)]
        cut = Flight(flight.call, flight.pick, flight.number, flight.started_at, reply)
        cut.was_heard = flight.was_heard
        self._fly(cut)

    def _end(self, flight: Flight) -> None:
        flight.is_over = True
        call, reply, channel = flight.call, flight.reply, flight.pick.channel
        del self._flights[channel][id(flight)]
        cost_usd = self.world.charge(channel, reply.usage, flight.started_at)
        call.cost_usd += cost_usd or 0
        attempt = attempt_of(flight, self._verdicts, cost_usd)
        self._ended.append(attempt)
        opened = (
            reply.succeeds
            and not flight.was_heard
            and self._listener is not None
            and self._listener.reached(channel)
        )
        self._router.ended(attempt, reply.limits)
        if reply.succeeds or flight.has_spoken:
            self._finish(call, flight)
        else:
            call.failed = attempt
            self._ask(call)
        first = self._waiting.first(channel)
        if opened:
            self._release_all(channel)
        elif first is not None:
            self._release(*first)

    def _finish(self, call: Call, flight: Flight | None) -> None:
        succeeded = flight is not None and flight.reply.succeeds
        self._succeeded += succeeded
        self._failed += not succeeded
        way_s = self.world.distances.to_gateway_s(call.request.place)
        first_s = None if flight is None else flight.first_chunk_s
        if first_s is not None and flight is not None:
            first_s += flight.started_at - call.request.at + way_s
        self._on_done(
            Done(
                request=call.request,
                ended_at=self.at + way_s,
                succeeded=succeeded,
                attempts=len(call.tried),
                first_chunk_s=first_s,
                cost_usd=call.cost_usd,
            )
        )


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
