"""A client that leaves at any turn of the loop: every attempt is recorded once and taken off its channel."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass, FailureEvidence, Phase
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import CallPolicy, Route, RoutingPlan, Target
from foreroute.gateway.asgi import Gateway
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.ports import TransportFailure, UpstreamRequest
from foreroute.gateway.settings import GatewaySettings
from foreroute.testing.streaming_asgi import stream

TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
WHOLE = orjson.dumps({"choices": [{"index": 0}]})
COMMENT = b": still working\n\n"
Script = list[bytes | float | Exception]


@dataclass
class Scripted:
    """Answers with bytes; sleeps for numbers; raises exceptions. Counts how often it was closed."""

    script: Script
    headers: Mapping[str, str]
    status: int = 200
    closed: int = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        for step in self.script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield step

    async def aclose(self, *, linger_s: float = 0.0) -> None:
        self.closed += 1
        await asyncio.sleep(0)


@dataclass
class Transport:
    scripts: Mapping[str, Script]
    sent: list[UpstreamRequest] = field(default_factory=list)
    responses: list[Scripted] = field(default_factory=list)

    async def send(self, request: UpstreamRequest) -> Scripted:
        self.sent.append(request)
        await asyncio.sleep(0)
        kind = "text/event-stream" if request.stream else "application/json"
        self.responses.append(Scripted(self.scripts[request.channel.id], {"content-type": kind}))
        return self.responses[-1]

    async def aclose(self) -> None: ...


class Times:
    def now(self) -> float:
        return 1000.0 + asyncio.get_running_loop().time()

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError


class Sink(list[Attempt]):
    def record(self, attempt: Attempt) -> None:
        self.append(attempt)


class Same:
    def classify(self, evidence: FailureEvidence) -> FailureClass:
        return FailureClass.STREAM_INTERRUPTED


def build(scripts: Mapping[str, Script], policy: CallPolicy | None = None) -> tuple[Gateway, Transport, Sink]:
    channels = {
        ChannelId(name): Channel(
            id=ChannelId(name),
            provider="p",
            cloud="c",
            region=RegionId("r"),
            model="gpt",
            base_url="http://x",
        )
        for name in scripts
    }
    targets = tuple(
        Target(channel=c, weight=1.0, priority=i, policy=policy or CallPolicy())
        for i, c in enumerate(channels)
    )
    route = Route(name=RouteName("gpt"), targets=targets)
    plan = RoutingPlan(version=1, made_at=1000.0, valid_until=1e6, routes={route.name: route})
    transport, sink = Transport(scripts), Sink()
    gateway = Gateway(
        GatewaySettings(),
        channels=channels,
        plans=PlanCell(plan),
        sink=sink,
        transport=transport,
        classifier=Same(),
        clock=Times(),
        rng=random.Random(1),
        render_metrics=lambda: b"",
    )
    return gateway, transport, sink


def broken() -> TransportFailure:
    return TransportFailure(FailureEvidence(phase=Phase.STREAM, message="reset"))


def asking(gateway: Gateway, *, streaming: bool) -> Any:
    body = orjson.dumps({"model": "gpt", "messages": [], "stream": streaming})
    return stream(gateway, "POST", "/v1/chat/completions", body=body)


async def leave_after(gateway: Gateway, turns: int, *, streaming: bool, at: float = 0.0) -> bool:
    """Ask, and hang up so many turns of the loop after `at`. Whether the answer was complete before."""
    gone, whole = asyncio.Event(), False
    body = orjson.dumps({"model": "gpt", "messages": [], "stream": streaming})
    pending = [{"type": "http.request", "body": body}]

    async def receive() -> dict[str, Any]:
        if pending:
            return pending.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal whole
        whole |= message["type"] == "http.response.body" and not message.get("more_body", False)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [],
        "client": None,
    }
    serving = asyncio.create_task(gateway(scope, receive, send))
    if at:
        await asyncio.sleep(at)
    for _ in range(turns):
        await asyncio.sleep(0)
    complete = whole
    gone.set()
    await serving
    return complete


SCRIPTS: dict[str, Mapping[str, Script]] = {
    "plain": {"a": [TEXT, STOP]},
    "failing over": {"a": [broken()], "b": [TEXT, TEXT, STOP]},
    "breaking off": {"a": [TEXT, broken()]},
}


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("name", SCRIPTS)
async def test_leaving_at_any_turn(name: str, streaming: bool) -> None:
    scripts = SCRIPTS[name]
    if not streaming:
        scripts = {
            channel: [WHOLE if s in {TEXT, STOP} else s for s in script]
            for channel, script in scripts.items()
        }
        scripts = {channel: script[:1] for channel, script in scripts.items()}
    ends = set()
    for turns in range(40):
        gateway, transport, sink = build(scripts)
        ends.add(await leave_after(gateway, turns, streaming=streaming))
        assert len(sink) == gateway.attempts_total == len({(a.request_id, a.number) for a in sink})
        assert len(transport.sent) <= len(sink) <= len(transport.sent) + 1, turns
        assert all(response.closed for response in transport.responses), turns
        standings = gateway.standings(0.0).values()
        assert all(standing.in_flight == 0 for standing in standings), turns
    assert ends == {False, True}, "both early and late enough"


async def test_half_an_event_is_never_interrupted_by_a_comment() -> None:
    """A channel that stops within an event: what it began waits until the event is whole."""
    gateway, _, _ = build({"a": [TEXT, TEXT[:20], 25.0, TEXT[20:], STOP]})
    async with asking(gateway, streaming=True) as response:
        assert await response.read() == TEXT + COMMENT + COMMENT + TEXT + STOP


async def test_comments_do_not_count_as_content_of_the_channel() -> None:
    gateway, _, sink = build({"a": [b": ping\n\n", 12.0, b": ping\n\n", broken()], "b": [TEXT, STOP]})
    async with asking(gateway, streaming=True) as response:
        assert await response.read() == COMMENT + TEXT + STOP
    assert [attempt.channel for attempt in sink] == ["a", "b"]


@pytest.mark.parametrize("slow_s", [0.0, 1.0, 1.5])
async def test_a_tie_of_two_attempts_leaves_no_attempt_behind(slow_s: float) -> None:
    """Both have something at the same instant: one is handed over, the other is closed."""
    gateway, transport, sink = build(
        {"a": [2.0, TEXT, STOP], "b": [slow_s, TEXT, STOP]}, CallPolicy(hedge_after_s=1.0)
    )
    async with asking(gateway, streaming=True) as response:
        assert await response.read() == TEXT + STOP
    assert len(sink) == len(transport.sent) == 2
    assert all(response.closed for response in transport.responses)
    assert all(standing.in_flight == 0 for standing in gateway.standings(3.0).values())
