"""Corners that were cut once: clients that leave at the worst moment, odd answers, paths of other dialects."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from foreroute.core.attempt import Attempt, Outcome, Usage
from foreroute.core.channel import Channel, Dialect
from foreroute.core.failure import FailureEvidence, Phase
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import BreakerPolicy, CallPolicy, Route, RoutingPlan, Target
from foreroute.gateway import affinity
from foreroute.gateway.asgi import Gateway
from foreroute.gateway.breaker import BreakerState
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.ports import TransportFailure, UpstreamRequest
from foreroute.gateway.settings import GatewaySettings
from foreroute.heal.classify import default_classifier
from foreroute.testing.streaming_asgi import stream

TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
WHOLE = b'{"id":"chatcmpl-%d","choices":[{"index":0}]}'
MESSAGE = [
    b'data: {"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1}}}\n\n',
    b'data: {"type":"content_block_delta","delta":{"text":"hi"}}\n\n',
    (b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}\n\n'
    b'data: {"type":"message_stop"}\n\n'),
]  # fmt: skip


@dataclass
class Says:
    """One channel's answer: bytes, pauses and exceptions in their order; `stubborn_s`: how long it takes to be cancelled."""

    steps: list[bytes | float | Exception]
    status: int = 200
    kind: str = "text/event-stream"
    stubborn_s: float = 0.0
    closed: int = 0

    def __post_init__(self) -> None:
        self.headers: Mapping[str, str] = {"content-type": self.kind}

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step
        except asyncio.CancelledError:
            await asyncio.sleep(self.stubborn_s)
            raise

    async def aclose(self, *, linger_s: float = 0.0) -> None:
        self.closed += 1


@dataclass
class Transport:
    says: Mapping[str, Says | Callable[[UpstreamRequest], Says]]
    sent: list[UpstreamRequest] = field(default_factory=list)

    async def send(self, request: UpstreamRequest) -> Says:
        self.sent.append(request)
        says = self.says[request.channel.id]
        return says if isinstance(says, Says) else says(request)

    async def aclose(self) -> None: ...

    def asked(self) -> list[str]:
        return [request.channel.id for request in self.sent]


class Times:
    def now(self) -> float:
        return 1000.0 + asyncio.get_running_loop().time()

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError


class Sink(list[Attempt]):
    def record(self, attempt: Attempt) -> None:
        self.append(attempt)


@dataclass
class House:
    gateway: Gateway
    transport: Transport
    sink: Sink

    def ask(self, path: str = "/v1/chat/completions", method: str = "POST", **fields: Any) -> Any:
        body = orjson.dumps({"model": "gpt", "messages": [], **fields})
        headers = {"content-type": "application/json"}
        return stream(self.gateway, method, path, headers=headers, body=body if method == "POST" else b"")

    async def answer(
        self, path: str = "/v1/chat/completions", method: str = "POST", **fields: Any
    ) -> tuple[int, Any]:
        async with self.ask(path, method, **fields) as response:
            body = await response.read()
        return response.status, body if fields.get("stream") else orjson.loads(body or b"null")

    def in_flight(self) -> int:
        now = asyncio.get_running_loop().time()
        return sum(standing.in_flight for standing in self.gateway.standings(now).values())


def build(
    says: Mapping[str, Says | Callable[[UpstreamRequest], Says]],
    *,
    routes: Mapping[str, str] | None = None,
    settings: GatewaySettings | None = None,
    policy: CallPolicy | None = None,
    anthropic: str = "",
    fallbacks: tuple[str, ...] = (),
    side_by_side: bool = False,
) -> House:
    """Channels by letter, in order of priority; `routes` are their letters by name."""
    channels = {
        ChannelId(name): Channel(
            id=ChannelId(name),
            provider="p",
            cloud="c",
            region=RegionId("r"),
            model=f"model-of-{name}",
            base_url="http://x",
            dialect=Dialect.ANTHROPIC if name in anthropic else Dialect.OPENAI,
        )
        for name in says
    }
    made = {
        RouteName(name): Route(
            name=RouteName(name),
            targets=tuple(
                Target(
                    channel=ChannelId(letter),
                    weight=1.0,
                    priority=0 if side_by_side else place,
                    policy=policy or CallPolicy(),
                )
                for place, letter in enumerate(letters)
            ),
            fallbacks=tuple(RouteName(other) for other in fallbacks if other != name),
        )
        for name, letters in ({"gpt": "".join(says)} if routes is None else routes).items()
    }
    transport, sink = Transport(says), Sink()
    gateway = Gateway(
        settings or GatewaySettings(explore_ratio=0.0),
        channels=channels,
        plans=PlanCell(RoutingPlan(version=1, made_at=1000.0, valid_until=1e6, routes=made)),
        sink=sink,
        transport=transport,
        classifier=default_classifier(),
        clock=Times(),
        rng=random.Random(1),
        render_metrics=lambda: b"",
    )
    return House(gateway, transport, sink)


def cut() -> TransportFailure:
    return TransportFailure(FailureEvidence(phase=Phase.STREAM, message="connection reset by peer"))


def json(payload: Any, status: int = 200) -> Says:
    return Says([orjson.dumps(payload)], status=status, kind="application/json")


def fails() -> Says:
    return json({"error": {"message": "Internal error", "type": "server_error"}}, 500)


class TestRoutes:
    async def test_a_fallback_of_another_format_does_not_turn_an_outage_into_a_bad_request(self) -> None:
        home = build(
            {"a": fails(), "c": Says([])},
            routes={"gpt": "a", "claude": "c"},
            anthropic="c",
            fallbacks=("claude",),
        )
        status, body = await home.answer()
        assert (status, body["error"]["code"]) == (503, "upstream_unavailable")

    async def test_an_object_is_asked_for_where_it_was_made_whatever_the_route(self) -> None:
        answer = {"id": "resp_1", "output": [1]}
        home = build({"a": json(answer), "b": json(answer)}, routes={"first": "a", "gpt": "b"})
        assert (await home.answer("/v1/responses"))[0] == 200
        status, _ = await home.answer("/v1/responses/resp_1", "GET")
        assert (status, home.transport.asked()) == (200, ["b", "b"])

    async def test_what_names_neither_model_nor_object_goes_to_the_first_channel(self) -> None:
        """As docs/gateway.md says: files would otherwise lie about on any channel, and lists be lists of any."""
        home = build({"a": json({"data": []}), "b": json({"data": []})}, side_by_side=True)
        for _ in range(12):
            await home.answer("/v1/files", "GET")
        assert set(home.transport.asked()) == {"a"}

    async def test_without_any_route_models_and_files_are_empty_or_unknown_and_no_crash(self) -> None:
        home = build({"a": Says([])}, routes={})
        assert (await home.answer("/v1/files", "GET"))[0] == 404
        headers = {"anthropic-version": "2023-06-01"}
        async with stream(home.gateway, "GET", "/v1/models", headers=headers) as response:
            assert (response.status, orjson.loads(await response.read())["data"]) == (200, [])

    async def test_a_full_channel_is_waited_for_rather_than_a_dead_one_asked(self) -> None:
        """`b` is full for another second, `a` has a wrong key: the request waits for `b`, as docs/gateway.md says."""
        denied = json({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}, 401)
        good = Says([1.0, WHOLE % 1], kind="application/json")
        policy = CallPolicy(concurrency_max=1)
        home = build({"a": denied, "b": good}, settings=GatewaySettings(probe=True), policy=policy)
        assert (await home.answer())[0] == 200
        answers = await asyncio.gather(home.answer(), home.answer())
        await home.gateway.aclose()
        assert [status for status, _ in answers] == [200, 200]
        assert home.transport.asked().count("a") == 1


class TestHedges:
    async def test_the_budget_of_hedges_grows_with_the_requests(self) -> None:
        """5 % of the last minute's requests, not one in ten seconds whatever their number."""
        home = build(
            {"a": Says([2.0, TEXT, STOP]), "b": Says([0.1, TEXT, STOP])}, policy=CallPolicy(hedge_after_s=0.1)
        )
        for _ in range(4):
            await asyncio.gather(*(home.answer(stream=True) for _ in range(100)))
        assert 15 <= sum(attempt.hedge for attempt in home.sink) <= 24

    @pytest.mark.parametrize("winner", ["a", "b"])
    async def test_a_client_that_leaves_while_the_loser_is_called_off_leaves_no_attempt_behind(
        self, winner: str
    ) -> None:
        """The loser takes a second to be cancelled, and in it the client hangs up."""
        home = build(
            {
                "a": Says([2.0 if winner == "a" else 9.0, TEXT, STOP], stubborn_s=1.0),
                "b": Says([1.0 if winner == "b" else 9.0, TEXT, STOP], stubborn_s=1.0),
            },
            policy=CallPolicy(hedge_after_s=1.0),
        )
        asking = asyncio.create_task(home.answer(stream=True))
        await asyncio.sleep(2.5)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(5.0)
        assert home.in_flight() == 0
        assert sorted(attempt.channel for attempt in home.sink) == ["a", "b"]

    async def test_a_defect_in_the_second_attempt_leaves_no_attempt_behind(self) -> None:
        home = build(
            {"a": Says([9.0, TEXT, STOP]), "b": Says([RuntimeError("a bug")])},
            policy=CallPolicy(hedge_after_s=1.0),
        )
        status, _ = await home.answer(stream=True)
        assert status == 500
        assert home.in_flight() == 0
        assert sorted(attempt.channel for attempt in home.sink) == ["a", "b"]


class TestOpaque:
    async def test_what_was_used_is_recorded(self) -> None:
        answer = {"text": "hi", "usage": {"input_tokens": 7, "output_tokens": 3}}
        home = build({"a": json(answer)})
        await home.answer("/v1/audio/transcriptions")
        assert [attempt.usage for attempt in home.sink] == [Usage(7, 0, 0, 3, 0)]

    async def test_a_small_answer_that_is_cut_before_anything_has_left_fails_over(self) -> None:
        home = build(
            {"a": Says([b'{"results":', cut()], kind="application/json"), "b": json({"results": []})}
        )
        assert await home.answer("/v1/moderations") == (200, {"results": []})
        assert [attempt.outcome for attempt in home.sink] == [Outcome.FAILURE, Outcome.SUCCESS]

    async def test_a_defect_midway_does_not_append_an_event_to_a_file(self) -> None:
        home = build({"a": Says([b"ID3", 1.0, RuntimeError("a bug")], kind="audio/mpeg")})
        async with home.ask("/v1/audio/speech") as response:
            with pytest.raises(ConnectionResetError):
                await response.read()

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (403, {"error": {"message": "Missing scopes: api.files.read", "type": "invalid_request_error"}}),
            (401, {"error": {"message": "Missing scopes: api.files.read", "type": "invalid_request_error"}}),
        ],
    )
    async def test_what_a_key_may_not_do_here_says_nothing_about_its_models(
        self, status: int, error: Any
    ) -> None:
        """Whoever asks for a file must not switch off the channel for everybody's chats."""
        home = build(
            {"a": lambda r: json(error, status) if r.path != "/chat/completions" else json({"choices": [1]})}
        )
        await home.answer("/v1/files/file-x", "GET")
        assert home.gateway.standings(0.0)[ChannelId("a")].breaker is BreakerState.CLOSED

    async def test_chats_do_not_push_files_out_of_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody ever asks for a chat completion by its id; each noted one forgets an object that is asked for."""
        monkeypatch.setattr(affinity, "_OBJECTS_MAX", 10)
        numbers = iter(range(1000))

        def says(request: UpstreamRequest) -> Says:
            if request.path == "/files":
                return json({"id": f"file-{next(numbers)}"})
            return (
                json({"data": 1})
                if "/files/" in request.path
                else json({"id": f"chat-{next(numbers)}", "choices": [1]})
            )

        home = build({"a": says, "b": says}, side_by_side=True)
        made = [(await home.answer("/v1/files"))[1]["id"] for _ in range(8)]
        where = home.transport.asked()
        for _ in range(20):
            await home.answer()
        for one in made:
            await home.answer(f"/v1/files/{one}/content", "GET")
        assert home.transport.asked()[-8:] == where

    async def test_an_opaque_request_to_a_dead_channel_does_not_end_its_probing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The form that is probed is the last one that can be."""
        denied = json({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}, 401)
        policy = CallPolicy(breaker=BreakerPolicy(open_s=10.0))
        home = build({"a": denied}, settings=GatewaySettings(probe=True), policy=policy)
        await home.answer()
        await home.answer("/v1/files", "GET")
        await asyncio.sleep(15.0)
        await home.gateway.aclose()
        assert [request.path for request in home.transport.sent][-1] == "/chat/completions"
        assert "probe" in {attempt.reason.value for attempt in home.sink}


class TestStreams:
    async def test_the_end_of_a_message_is_recorded_before_it_is_told(self) -> None:
        """The channel says `message_stop` and closes a second later: the client may be gone by then."""
        home = build({"a": Says([*MESSAGE, 1.0])}, anthropic="a")
        recorded_at_the_end = None
        async with home.ask("/v1/messages", stream=True) as response:
            async for chunk in response:
                if b"message_stop" in chunk:
                    recorded_at_the_end = [attempt.outcome for attempt in home.sink]
                    break
        assert recorded_at_the_end == [Outcome.SUCCESS]

    async def test_a_client_that_hangs_up_at_the_end_of_a_message_has_had_an_answer(self) -> None:
        home = build({"a": Says([*MESSAGE, 1.0])}, anthropic="a")
        async with home.ask("/v1/messages", stream=True) as response:
            async for chunk in response:
                if b"message_stop" in chunk:
                    break
        assert [attempt.outcome for attempt in home.sink] == [Outcome.SUCCESS]

    async def test_a_whole_answer_to_a_stream_that_got_a_comment_is_no_raw_json_among_events(self) -> None:
        """A channel that ignores `stream`, and takes its time: the client can read events only by now."""
        home = build({"a": Says([12.0, WHOLE % 1], kind="application/json")})
        _, body = await home.answer(stream=True)
        assert all(part.startswith((b":", b"data:", b"event:")) for part in body.split(b"\n\n") if part)

    async def test_a_probe_that_is_not_answered_in_time_is_recorded_as_a_timeout(self) -> None:
        denied = json({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}, 401)
        silent = Says([9999.0], kind="application/json")
        answers = iter([denied, silent])
        home = build(
            {"a": lambda _: next(answers), "b": json({"choices": [1]})}, settings=GatewaySettings(probe=True)
        )
        await home.answer()
        await asyncio.sleep(40.5)
        await home.gateway.aclose()
        assert [a.outcome for a in home.sink if a.reason == "probe"] == [Outcome.TIMEOUT]
