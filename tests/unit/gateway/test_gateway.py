"""The application in process: what it does with a transport that does as it is told."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from typing import Any

import orjson
import pytest

from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass, FailureEvidence, Phase
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.gateway.asgi import Gateway
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.ports import TransportFailure, UpstreamRequest
from foreroute.gateway.settings import GatewaySettings
from foreroute.testing.streaming_asgi import stream

TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
Script = list[bytes | float | Exception]


class Scripted:
    """Answers with bytes; sleeps for numbers; raises exceptions."""

    def __init__(self, script: Script, status: int, headers: Mapping[str, str]) -> None:
        self.status, self.headers, self.closed = status, headers, 0
        self._script = script

    async def chunks(self) -> AsyncIterator[bytes]:
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield step

    async def aclose(self, *, linger_s: float = 0.0) -> None:
        self.closed += 1


class ScriptedTransport:
    def __init__(self, scripts: dict[str, Script | Exception]) -> None:
        self.scripts = scripts
        self.sent: list[UpstreamRequest] = []
        self.responses: list[Scripted] = []
        self.closed = False

    async def send(self, request: UpstreamRequest) -> Scripted:
        self.sent.append(request)
        script = self.scripts[request.channel.id]
        if isinstance(script, Exception):
            raise script
        kind = "text/event-stream" if request.stream else "application/json"
        self.responses.append(
            Scripted(script, 200, {"content-type": kind, "x-ratelimit-limit-requests": "9"})
        )
        return self.responses[-1]

    async def aclose(self) -> None:
        self.closed = True


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


def build(
    scripts: dict[str, Any], settings: GatewaySettings | None = None, made_at: float = 1000.0
) -> tuple[Gateway, ScriptedTransport, Sink]:
    channels = {
        ChannelId(name): Channel(
            id=ChannelId(name),
            provider="p",
            cloud="c",
            region=RegionId("r"),
            model="gpt",
            base_url="http://127.0.0.1",
        )
        for name in scripts
    }
    targets = tuple(Target(channel=c, weight=1.0, priority=i) for i, c in enumerate(channels))
    routes = {RouteName("gpt"): Route(name=RouteName("gpt"), targets=targets)}
    transport, sink = ScriptedTransport(scripts), Sink()
    gateway = Gateway(
        settings or GatewaySettings(),
        channels=channels,
        plans=PlanCell(RoutingPlan(version=3, made_at=made_at, valid_until=made_at + 60, routes=routes)),
        sink=sink,
        transport=transport,
        classifier=Same(),
        clock=Times(),
        rng=random.Random(1),
        render_metrics=lambda: b"",
    )
    return gateway, transport, sink


def asking(gateway: Gateway, *, streaming: bool = True, **more: Any) -> Any:
    body = orjson.dumps({"model": "gpt", "messages": [], "stream": streaming, **more})
    return stream(gateway, "POST", "/v1/chat/completions", body=body)


def broken(message: str = "reset") -> TransportFailure:
    return TransportFailure(FailureEvidence(phase=Phase.STREAM, message=message))


async def test_each_chunk_leaves_the_moment_it_comes() -> None:
    gateway, _, sink = build({"a": [ROLE, 2.0, TEXT, 1.0, TEXT, 1.0, STOP]})
    loop = asyncio.get_running_loop()
    async with asking(gateway) as response:
        assert loop.time() == pytest.approx(2.0), "held until there is content"
        seen = [(round(loop.time(), 6), chunk) async for chunk in response]
    assert seen == [(2.0, ROLE + TEXT), (3.0, TEXT), (4.0, STOP)]
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["x-ratelimit-limit-requests"] == "9"
    assert sink[0].time_to_first_chunk_s == pytest.approx(0.0)
    assert sink[0].plan_version == 3
    assert sink[0].started_at == pytest.approx(1000.0)


async def test_a_preamble_that_leads_nowhere_is_forgotten() -> None:
    gateway, transport, sink = build({"a": [ROLE, 1.0, broken()], "b": [ROLE, TEXT, STOP]})
    async with asking(gateway) as response:
        assert await response.read() == ROLE + TEXT + STOP
    assert [(a.channel, a.outcome, a.number) for a in sink] == [
        ("a", Outcome.FAILURE, 1),
        ("b", Outcome.SUCCESS, 2),
    ]
    assert [response.closed for response in transport.responses] == [1, 1]


async def test_a_preamble_is_not_held_for_ever() -> None:
    gateway, _, _ = build({"a": [ROLE, 1.0, ROLE, 1.0, broken()]}, GatewaySettings(hold_events_max=1))
    async with asking(gateway) as response:
        body = await response.read()
    assert body.startswith(ROLE + ROLE + b'data: {"error":')


async def test_a_reset_after_the_last_event_is_no_failure() -> None:
    gateway, _, sink = build({"a": [TEXT, STOP.removesuffix(b"data: [DONE]\n\n"), broken()]})
    async with asking(gateway) as response:
        assert b"error" not in await response.read()
    assert sink[0].outcome is Outcome.SUCCESS


async def test_a_client_that_hangs_up_is_recorded_once_and_counts_for_nobody() -> None:
    gateway, transport, sink = build({"a": [TEXT, 5.0, TEXT, 5.0, STOP]})
    async with asking(gateway) as response:
        async for _ in response:
            break
    assert [(a.outcome, a.usage.output_tokens, a.failure_class) for a in sink] == [(Outcome.IGNORED, 1, None)]
    assert asyncio.get_running_loop().time() == pytest.approx(0.0)
    assert transport.responses[0].closed == 1
    assert gateway.standings(0.0)[ChannelId("a")].in_flight == 0


async def test_cancelling_the_gateway_itself_is_recorded_too() -> None:
    gateway, _, sink = build({"a": [60.0, TEXT, STOP]})

    async def ask() -> None:
        async with asking(gateway):
            pass

    task = asyncio.create_task(ask())
    await asyncio.sleep(1.0)
    for inner in asyncio.all_tasks() - {task, asyncio.current_task()}:
        inner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [a.outcome for a in sink] == [Outcome.IGNORED]


async def test_a_fault_of_our_own_is_a_500_and_no_channels_fault(caplog: pytest.LogCaptureFixture) -> None:
    gateway, _, sink = build({"a": RuntimeError("a bug"), "b": [TEXT, STOP]})
    async with asking(gateway) as response:
        error = orjson.loads(await response.read())["error"]
    assert response.status == 500
    assert error["code"] == "internal_error"
    assert [a.outcome for a in sink] == [Outcome.IGNORED]
    assert "request_crashed" in caplog.text


async def test_the_deadline_ends_the_retrying() -> None:
    gateway, transport, _ = build({"a": [6.0, broken()], "b": [TEXT, STOP]}, GatewaySettings(deadline_s=5.0))
    async with asking(gateway) as response:
        assert response.status == 503
    assert [request.timeouts.total_s for request in transport.sent] == [5.0]


async def test_backoff_before_the_only_channel_is_asked_again() -> None:
    gateway, _, sink = build({"a": broken("refused")})
    async with asking(gateway) as response:
        assert response.status == 503
    assert [a.reason for a in sink] == [PickReason.ONLY] * 3
    gaps = [later.started_at - earlier.ended_at for earlier, later in pairwise(sink)]
    assert 0 < gaps[0] < 0.25
    assert 0 < gaps[1] < 0.5


async def test_bodies_that_are_too_large_are_refused_before_and_while_reading() -> None:
    gateway, _, _ = build({"a": []}, GatewaySettings(body_bytes_max=100))
    async with asking(gateway, padding="x" * 200) as response:
        assert response.status == 413
    headers = {"content-length": "101"}
    async with stream(gateway, "POST", "/v1/embeddings", headers=headers) as response:
        assert response.status == 413
        assert orjson.loads(await response.read())["error"]["code"] == "request_too_large"


async def test_an_answer_without_end_is_a_failure() -> None:
    gateway, _, _ = build({"a": [b"x" * 60, b"x" * 60]}, GatewaySettings(answer_bytes_max=100))
    async with asking(gateway, streaming=False) as response:
        assert response.status == 503


async def test_lifespan_closes_the_transport() -> None:
    gateway, transport, _ = build({"a": []})
    messages, sent = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await gateway({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert transport.closed


async def test_an_expired_plan_serves_the_configured_weights() -> None:
    gateway, _, sink = build({"a": [TEXT, STOP], "b": [TEXT, STOP]})
    plans = gateway._works.plans
    newer = plans.configured.routes[RouteName("gpt")]
    only_b = Route(name=newer.name, targets=newer.targets[1:], reason=PickReason.FORECAST)
    plans.publish(RoutingPlan(version=4, made_at=1000.0, valid_until=1010.0, routes={newer.name: only_b}))
    for pause_s in (0.0, 11.0):
        await asyncio.sleep(pause_s)
        async with asking(gateway) as response:
            await response.read()
    assert [(a.channel, a.reason, a.plan_version) for a in sink] == [
        ("b", PickReason.ONLY, 4),
        ("a", PickReason.STATIC, 3),
    ]
