"""What a channel has refused goes elsewhere the second time, and a name that was found once stays known."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import orjson
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.patterns import Refusals
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.core.work import Work
from foreroute.gateway.able import able
from foreroute.gateway.asgi import Gateway
from foreroute.gateway.last_good import LastGoodResolver
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.ports import UpstreamRequest
from foreroute.gateway.settings import GatewaySettings
from foreroute.heal.classify import default_classifier
from foreroute.heal.learning import FailureLearning
from foreroute.testing.streaming_asgi import stream

A, B = ChannelId("a"), ChannelId("b")
ROUTE = Route(name=RouteName("r"), targets=(Target(channel=A, weight=1.0), Target(channel=B, weight=1.0)))


def served(refusals, *, tokens=10, tools=False, names=()) -> str:
    route = able(ROUTE, Work(tokens, 0, False, tools), lambda name: name in names, refusals)
    return "".join(target.channel for target in route.targets)


def test_a_channel_without_refusals_takes_everything():
    assert served({}) == "ab"
    assert served({A: Refusals(input_tokens_max=100)}) == "ab"


def test_only_the_request_that_it_would_refuse_goes_elsewhere():
    known = {A: Refusals(input_tokens_max=100, tools=False, parameters=("seed",))}
    assert served(known, tokens=100) == "ab"
    assert served(known, tokens=101) == "b"
    assert served(known, tools=True) == "b"
    assert served(known, names={"seed"}) == "b"
    assert served(known, names={"stop"}) == "ab"


def test_when_every_channel_would_refuse_all_are_asked_as_before():
    known = {A: Refusals(tools=False), B: Refusals(tools=False)}
    assert served(known, tools=True) == "ab"


def test_a_channel_without_weight_is_no_alternative():
    route = replace(ROUTE, targets=(ROUTE.targets[0], replace(ROUTE.targets[1], weight=0.0)))
    assert able(route, Work(10, 0, False, True), lambda _: False, {A: Refusals(tools=False)}) is route


class Answers:
    def __init__(self, status: int, body: bytes) -> None:
        self.status, self._body = status, body
        self.headers: Mapping[str, str] = {"content-type": "application/json"}

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body

    async def aclose(self, *, linger_s: float = 0.0) -> None:
        pass


class Picky:
    """`a` refuses, `b` answers."""

    def __init__(self, refusal: Mapping[str, str]) -> None:
        self.refusal = refusal
        self.asked: list[ChannelId] = []

    async def send(self, request: UpstreamRequest) -> Answers:
        self.asked.append(request.channel.id)
        if request.channel.id == A:
            return Answers(400, orjson.dumps({"error": self.refusal}))
        return Answers(200, orjson.dumps({"choices": [{"message": {"content": "hi"}}], "usage": {}}))

    async def aclose(self) -> None:
        pass


class Times:
    def now(self) -> float:
        return 1000.0 + asyncio.get_running_loop().time()

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError


class Sink(list[Attempt]):
    def record(self, attempt: Attempt) -> None:
        self.append(attempt)


@pytest.mark.parametrize(
    ("refusal", "more"),
    [
        ({"code": "context_length_exceeded", "message": "maximum context length is 8 tokens"}, {}),
        ({"message": "this model does not support tools"}, {"tools": [{"type": "function"}]}),
        ({"code": "unsupported_parameter", "message": "Unsupported parameter: 'seed'"}, {"seed": 1}),
    ],
)
async def test_what_was_refused_once_is_not_asked_of_the_channel_again(refusal, more):
    channels = {
        name: Channel(id=name, provider="p", cloud="c", region=RegionId("r"), model="m", base_url="http://x")
        for name in (A, B)
    }
    targets = (Target(channel=A, weight=1.0), Target(channel=B, weight=1.0, priority=1))
    plan = RoutingPlan(
        version=1,
        made_at=1000.0,
        valid_until=1e6,
        routes={RouteName("gpt"): Route(name=RouteName("gpt"), targets=targets)},
    )
    transport, sink, plans, learning = Picky(refusal), Sink(), PlanCell(plan), FailureLearning()
    gateway = Gateway(
        GatewaySettings(explore_ratio=0.0),
        channels=channels,
        plans=plans,
        sink=sink,
        transport=transport,
        classifier=default_classifier(),
        clock=Times(),
        rng=random.Random(1),
        render_metrics=lambda: b"",
    )
    body = orjson.dumps({"model": "gpt", "messages": [{"role": "user", "content": "hello " * 40}]} | more)

    async def ask() -> int:
        async with stream(gateway, "POST", "/v1/chat/completions", body=body) as response:
            await response.read()
            return response.status

    assert await ask() == 200
    assert transport.asked == [A, B]
    learning.observe(sink)
    plans.publish(replace(plan, version=2, refusals=learning.refusals(Times().now())))
    assert await ask() == 200
    assert transport.asked == [A, B, B]


class Names(AbstractResolver):
    def __init__(self) -> None:
        self.says: OSError | float | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if isinstance(self.says, OSError):
            raise self.says
        if self.says is not None:
            await asyncio.sleep(self.says)
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def test_the_last_good_address_serves_while_names_cannot_be_resolved():
    names = Names()
    now = asyncio.get_running_loop().time
    resolver = LastGoodResolver(names, now=now, keep_s=60.0, wait_s=2.0)
    names.says = OSError("no such host")
    with pytest.raises(OSError, match="no such host"):
        await resolver.resolve("a.example", 443)
    names.says = None
    good = await resolver.resolve("a.example", 443)
    names.says = OSError("SERVFAIL")
    assert await resolver.resolve("a.example", 443) == good
    with pytest.raises(OSError, match="SERVFAIL"):
        await resolver.resolve("b.example", 443)
    names.says = 1000.0
    began = now()
    assert await resolver.resolve("a.example", 443) == good
    assert now() == began, "just after a failure nobody waits for it"
    await asyncio.sleep(20.0)
    began = now()
    assert await resolver.resolve("a.example", 443) == good
    assert now() - began == pytest.approx(2.0)
    with pytest.raises(OSError, match="said nothing about"):
        await resolver.resolve("b.example", 443)
    names.says = OSError("SERVFAIL")
    await asyncio.sleep(61.0)
    with pytest.raises(OSError, match="SERVFAIL"):
        await resolver.resolve("a.example", 443)
