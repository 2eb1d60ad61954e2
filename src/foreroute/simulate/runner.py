"""Traffic through a world without sockets, on the world's own time: history to start from, and days in seconds."""

from collections.abc import Callable, Iterable, Iterator
from random import Random

from foreroute.core.attempt import Attempt, Outcome, PickReason, Usage
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, RequestId
from foreroute.core.plan import Route, RoutingPlan
from foreroute.simulate.traffic import Arrival
from foreroute.simulate.world import World


def play(
    world: World,
    arrivals: Iterable[Arrival],
    *,
    start_at: float,
    plan: Callable[[], RoutingPlan],
    rng: Random,
    attempts_max: int = 3,
) -> Iterator[Attempt]:
    """The attempts that the arrivals make, by the plan of their moment, in order of arrival.

    A failed attempt is retried at once on another channel, as the gateway does.
    """
    for number, arrival in enumerate(arrivals):
        at = start_at + arrival.offset_s
        current = plan()
        route = next(iter(current.routes.values()))
        yield from _request(world, arrival, at, route, current.version, rng, f"sim-{number}", attempts_max)


def _request(
    world: World,
    arrival: Arrival,
    at: float,
    route: Route,
    version: int,
    rng: Random,
    name: str,
    attempts_max: int,
) -> Iterator[Attempt]:
    tried: set[ChannelId] = set()
    for number in range(1, attempts_max + 1):
        channel = _pick(route, tried, rng)
        if channel is None:
            return
        tried.add(channel)
        attempt = _attempt(world, arrival, at, route, channel, name, number, version)
        yield attempt
        if attempt.outcome is Outcome.SUCCESS:
            return
        at = attempt.ended_at


def _pick(route: Route, tried: set[ChannelId], rng: Random) -> ChannelId | None:
    left = [target for target in route.targets if target.channel not in tried and target.weight > 0]
    if not left:
        return None
    return rng.choices([t.channel for t in left], [t.weight for t in left])[0]


def _attempt(
    world: World,
    arrival: Arrival,
    at: float,
    route: Route,
    channel: ChannelId,
    name: str,
    number: int,
    version: int,
) -> Attempt:
    answer = world.answer(channel, name, at=at, input_tokens=arrival.input_tokens)
    failed = answer.fault is not None
    body_s = 0.0 if failed else answer.token_s * arrival.output_tokens
    return Attempt(
        request_id=RequestId(name),
        number=number,
        route=route.name,
        channel=channel,
        started_at=at,
        duration_s=answer.first_chunk_s + body_s,
        outcome=Outcome.FAILURE if failed else Outcome.SUCCESS,
        reason=PickReason.FAILOVER if number > 1 else route.reason,
        plan_version=version,
        stream=True,
        time_to_first_chunk_s=None if failed else answer.first_chunk_s,
        failure_class=_class_of(answer.fault.status) if answer.fault else None,
        phase=Phase.HEADERS if failed else Phase.DONE,
        status=answer.fault.status if answer.fault else 200,
        usage=Usage() if failed else Usage(arrival.input_tokens, output_tokens=arrival.output_tokens),
    )


def _class_of(status: int) -> FailureClass:
    return FailureClass.OVERLOADED if status == 503 else FailureClass.SERVER_ERROR
