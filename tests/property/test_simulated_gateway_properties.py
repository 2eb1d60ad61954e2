"""The simulated gateway chooses what the real one does, given the same plan, state and random numbers.

The real one is `gateway.exchange` on a loop of virtual time, with a transport that answers as the world says.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from random import Random

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from foreroute.core.attempt import Attempt, Outcome
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId, RequestId, RouteName
from foreroute.core.plan import BreakerPolicy, CallPolicy, Route, RoutingPlan, Target, Timeouts
from foreroute.gateway.affinity import Affinity
from foreroute.gateway.delivery import Delivery, Message
from foreroute.gateway.exchange import Exchange
from foreroute.gateway.fleet import Fleet
from foreroute.gateway.line import Line
from foreroute.gateway.narrow import Knowledge
from foreroute.gateway.plan_cell import PlanCell, ServedRoute
from foreroute.gateway.ports import TransportFailure, UpstreamRequest, UpstreamResponse
from foreroute.gateway.retry import RetryBudget
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.trial import Origin
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.request import ModelRequest
from foreroute.gateway.works import Tally, Works
from foreroute.heal.classify import default_classifier
from foreroute.simulate.channel import Capacity, ChannelModel
from foreroute.simulate.faults import ErrorBurst, Fault, Outage
from foreroute.simulate.flights import with_patience
from foreroute.simulate.gateway_router import GatewayRouter
from foreroute.simulate.limits import RateLimits
from foreroute.simulate.replies import Reply
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Pick
from foreroute.simulate.run import run
from foreroute.simulate.upstreams import Upstreams
from foreroute.simulate.world import World
from foreroute.testing.virtual_loop import LoopClock, VirtualTimeLoop, run_virtual

CHAT, SPARE = RouteName("chat"), RouteName("spare")


@dataclass(frozen=True, kw_only=True)
class Case:
    seed: int
    models: tuple[ChannelModel, ...]
    faults: tuple[Fault, ...]
    requests: tuple[Request, ...]
    plan: RoutingPlan
    settings: GatewaySettings


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 4))
    names = [ChannelId(f"c{number}") for number in range(count)]
    models = tuple(
        ChannelModel(
            channel=Channel(
                id=name,
                provider="openai",
                cloud="any",
                region=RegionId("here"),
                model="m",
                base_url="http://127.0.0.1/v1",
                concurrency_max=draw(st.sampled_from([None, 1, 3])),
            ),
            first_chunk_s=draw(st.sampled_from([0.2, 0.5, 2.0])),
            spread=2.0,
            token_s=0.01,
            failure_ratio=draw(st.sampled_from([0.0, 0.1, 0.5])),
            capacity=draw(st.sampled_from([None, Capacity(slots=2, queue_max=1)])),
            limits=draw(st.sampled_from([None, RateLimits(requests_per_minute=20)])),
        )
        for name in names
    )
    faults: list[Fault] = [
        Outage(
            channel=name,
            start_at=draw(st.sampled_from([5.0, 20.0])),
            end_at=draw(st.sampled_from([30.0, 90])),
        )
        for name in names
        if draw(st.booleans())
    ]
    faults += [
        ErrorBurst(channel=name, start_at=10.0, end_at=50.0, ratio=0.7, status=429, retry_after_s=4.0)
        for name in names
        if draw(st.booleans())
    ]
    rng = Random(draw(st.integers(0, 1000)))
    requests, at = [], 0.0
    for number in range(draw(st.integers(1, 40))):
        at += rng.expovariate(1.5)
        requests.append(
            Request(
                id=RequestId(f"r{number}"),
                at=at,
                route=CHAT,
                input_tokens=rng.randrange(2000),
                output_tokens=rng.randrange(1, 400),
                stream=rng.random() < 0.7,
                prefix=rng.choice([b"one", b"two"]),
            )
        )
    targets = tuple(
        Target(
            channel=name,
            weight=draw(st.sampled_from([0.0, 0.3, 1.0])),
            priority=draw(st.integers(0, 1)),
            policy=CallPolicy(
                timeouts=Timeouts(first_chunk_s=draw(st.sampled_from([3.0, 60.0]))),
                breaker=BreakerPolicy(consecutive_failures_max=draw(st.integers(2, 5))),
                concurrency_max=draw(st.sampled_from([None, 2])),
            ),
        )
        for name in names
    )
    fallbacks = (SPARE,) if draw(st.booleans()) else ()
    sticky = draw(st.booleans())
    chat = Route(name=CHAT, targets=targets, sticky=sticky, fallbacks=fallbacks, attempts_max=3)
    spare = Route(name=SPARE, targets=(Target(channel=names[-1], weight=1.0),))
    return Case(
        seed=draw(st.integers(0, 5)),
        models=models,
        faults=tuple(faults),
        requests=tuple(requests),
        plan=RoutingPlan(version=1, made_at=0.0, valid_until=1e9, routes={CHAT: chat, SPARE: spare}),
        settings=GatewaySettings(
            queue_s=draw(st.sampled_from([0.5, 5.0])), queue_max=draw(st.sampled_from([0, 1]))
        ),
    )


class WorldTransport:
    """The world behind the gateway's own port: it finds out by a header which request this is."""

    def __init__(self, case: Case) -> None:
        self._requests = {request.id: request for request in case.requests}
        self._upstreams = Upstreams(World(case.seed, case.models, case.faults))
        self._asked: dict[tuple[str, str], int] = {}

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        name, channel = request.headers["x-request"], request.channel.id
        again = self._asked.get((name, channel), 0)
        self._asked[name, channel] = again + 1
        asked = self._requests[RequestId(name)]
        at = asyncio.get_running_loop().time()
        reply = self._upstreams.ask(channel, asked, at, again=again)
        reply = with_patience(reply, Pick(channel=channel, timeouts=request.timeouts), stream=asked.stream)
        evidence = reply.evidence
        if evidence is None or (asked.stream and reply.has_spoken):
            await asyncio.sleep(reply.first_chunk_s if asked.stream else reply.ends_s)
            kind = "text/event-stream" if asked.stream else "application/json"
            return WorldResponse(200, {"content-type": kind}, _parts(reply, stream=asked.stream))
        await asyncio.sleep(reply.ends_s)
        if evidence.status is None or evidence.status < 400:
            raise TransportFailure(evidence)
        headers = {} if evidence.retry_after_s is None else {"retry-after": f"{evidence.retry_after_s:g}"}
        said = {"type": evidence.error_type, "code": evidence.error_code, "message": evidence.message}
        return WorldResponse(evidence.status, headers, _once(orjson.dumps({"error": said})))

    async def aclose(self) -> None:
        pass


class WorldResponse:
    def __init__(self, status: int, headers: Mapping[str, str], parts: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers = headers
        self._parts = parts

    def chunks(self) -> AsyncIterator[bytes]:
        return self._parts

    async def aclose(self, *, linger_s: float = 0.0) -> None:
        pass


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _parts(reply: Reply, *, stream: bool) -> AsyncIterator[bytes]:
    usage = {
        "prompt_tokens": reply.usage.input_tokens,
        "completion_tokens": reply.usage.output_tokens,
        "total_tokens": reply.usage.input_tokens + reply.usage.output_tokens,
    }
    if not stream:
        message = {"role": "assistant", "content": "x"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        yield orjson.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage})
        return
    delta = {"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}
    yield _event({"id": "1", "object": "chat.completion.chunk", "choices": [delta]})
    await asyncio.sleep(reply.ends_s - reply.first_chunk_s)
    if reply.evidence is not None:
        raise TransportFailure(reply.evidence)
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    yield (
        _event({"id": "1", "object": "chat.completion.chunk", "choices": [last]})
        + _event({"id": "1", "object": "chat.completion.chunk", "choices": [], "usage": usage})
        + b"data: [DONE]\n\n"
    )


def _event(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


class Sink:
    def __init__(self) -> None:
        self.attempts: list[Attempt] = []

    def record(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)


def works_of(case: Case, loop: VirtualTimeLoop, sink: Sink, chance: Random) -> Works:
    channels = {model.channel.id: model.channel for model in case.models}
    fleet = Fleet(channels)
    return Works(
        settings=case.settings,
        plans=PlanCell(case.plan),
        fleet=fleet,
        sink=sink,
        transport=WorldTransport(case),
        classifier=default_classifier(),
        clock=LoopClock(loop, epoch_at=0.0),
        rng=chance,
        budget=RetryBudget(ratio=case.settings.retry_ratio, floor=case.settings.retry_floor),
        hedges=RetryBudget(ratio=case.settings.hedge_ratio, floor=case.settings.hedge_floor),
        line=Line(),
        affinity=Affinity(),
        knowledge=Knowledge(
            channels=channels,
            unit_price=lambda _: None,
            delay_s=lambda *_: float("inf"),
            seconds_per_token=lambda _: float("inf"),
        ),
        tally=Tally(),
    )


async def over_the_wire(loop: VirtualTimeLoop, case: Case) -> list[Attempt]:
    sink, chance = Sink(), Random(case.seed)
    works = works_of(case, loop, sink, chance)

    async def discard(_message: Message) -> None:
        pass

    async def serve(request: Request) -> None:
        delivery = Delivery(discard, request.id, request.id)
        asked = ModelRequest(
            endpoint=Endpoint.CHAT,
            path="/chat/completions",
            model=CHAT,
            stream=request.stream,
            wants_usage=True,
            body=orjson.dumps({"x": request.id}),
            input_tokens=request.input_tokens,
        )
        origin = Origin(request_id=request.id, route=CHAT, stream=request.stream)
        now = works.clock.now()
        first = works.plans.route(CHAT, now)
        assert first is not None
        others = [works.plans.route(name, now) for name in first.route.fallbacks]
        routes: list[ServedRoute] = [first, *(one for one in others if one is not None)]
        exchange = Exchange(works, asked, origin, delivery, {"x-request": request.id})
        await exchange.run(routes)

    tasks = []
    for request in case.requests:
        await asyncio.sleep(request.at - loop.time())
        tasks.append(asyncio.ensure_future(serve(request)))
    await asyncio.gather(*tasks)
    return sink.attempts


def simulated(case: Case) -> list[Attempt]:
    channels = {model.channel.id: model.channel for model in case.models}
    router = GatewayRouter(PlanCell(case.plan), channels, case.settings)
    world = World(case.seed, case.models, case.faults)
    return list(run(world, case.requests, router, chance=Random(case.seed), start_at=0.0))


def told(attempts: list[Attempt]) -> list[tuple[object, ...]]:
    return sorted(
        (
            one.request_id,
            one.number,
            one.channel,
            one.route,
            one.reason.value,
            one.rule.value,
            one.outcome.value,
            "" if one.failure_class is None else one.failure_class.value,
            round(one.started_at, 6),
            round(one.duration_s, 6),
            one.usage.output_tokens if one.outcome is Outcome.SUCCESS else 0,
        )
        for one in attempts
    )


@settings(max_examples=50, deadline=None)
@given(cases())
def test_a_whole_run_is_the_same_over_the_wire_and_simulated(case: Case) -> None:
    case = replace(case, requests=tuple(replace(one, prefix=None) for one in case.requests))
    assert told(simulated(case)) == told(run_virtual(lambda loop: over_the_wire(loop, case)))
