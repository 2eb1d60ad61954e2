"""Channels with an adapter: Gemini's and Bedrock's own formats on loopback, the official OpenAI client in front.

On a real event loop: Bedrock's client lives on threads, which virtual time does not wait for.
"""

import asyncio
import functools
import json
import random
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import openai
import pytest

from foreroute.clock import SystemClock
from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel
from foreroute.core.errors import ConfigError
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import CallPolicy, Route, RoutingPlan, Target, Timeouts
from foreroute.gateway.any_llm_library import adapter_names, find_library
from foreroute.gateway.asgi import Gateway
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.transports import ChannelTransports
from foreroute.heal.classify import default_classifier
from foreroute.serving import serve_asgi
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer

pytest.importorskip("any_llm", reason="the extra `adapters` is not installed")
pytestmark = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning"  # the Google client's own
)

HELLO: Any = [{"role": "user", "content": "Hello?"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PATIENT = Timeouts(connect_s=5.0, first_chunk_s=20.0, stall_s=20.0, total_s=30.0)
BEGINS_SOON = replace(PATIENT, first_chunk_s=0.4)
GOES_ON = replace(PATIENT, stall_s=1.0)


def on_a_real_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(40.0):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


@dataclass
class Upstream:
    """A provider of one kind. `parts` of a stream are sent one by one; then it ends, is cut, or falls silent."""

    whole: Any = None
    parts: list[bytes] = field(default_factory=list)
    ending: str = "end"
    status: int = 200
    error: Any = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    content_type: bytes = b"text/event-stream"
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        path = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
        self.asked.append((path, headers, json.loads(body)))
        if self.error is not None or self.whole is not None:
            out = json.dumps(self.error if self.error is not None else self.whole).encode()
            await self._head(send, b"application/json")
            await send({"type": "http.response.body", "body": out})
            return
        if self.ending != "never":
            await self._head(send, self.content_type)
            for part in self.parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        if self.ending == "cut":
            await asyncio.sleep(0)
            scope["extensions"]["foreroute.cut"]()
        elif self.ending == "end":
            await send({"type": "http.response.body", "body": b""})
        else:
            scope["extensions"]["foreroute.on_disconnect"](self.left.set)
            await asyncio.wait(
                [asyncio.ensure_future(self.left.wait()), asyncio.ensure_future(self.release.wait())],
                return_when=asyncio.FIRST_COMPLETED,
            )

    async def _head(self, send: Any, content_type: bytes) -> None:
        headers = [(b"content-type", content_type), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})


@dataclass
class House:
    client: openai.AsyncOpenAI
    attempts: list[Attempt]

    async def says(self, **fields: Any) -> Any:
        return await self.client.chat.completions.create(model="gpt", messages=HELLO, **fields)

    async def hears(self, **fields: Any) -> list[Any]:
        return [chunk async for chunk in await self.says(stream=True, **fields)]

    def tried(self) -> list[tuple[str, str, FailureClass | None]]:
        return [(one.channel, one.outcome.value, one.failure_class) for one in self.attempts]

    def record(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)


@asynccontextmanager
async def house(
    upstreams: Mapping[str, Any], timeouts: Timeouts = PATIENT, plain: str = ""
) -> AsyncIterator[House]:
    """Channels by the names of their adapters, with a number behind to tell two of them apart. None: nobody listens."""
    async with AsyncExitStack() as stack:
        channels = {}
        for name, app in upstreams.items():
            url = "http://127.0.0.1:9"
            if app is not None:
                url = (await stack.enter_async_context(await serve_asgi(app))).url
            channels[ChannelId(name)] = Channel(
                id=ChannelId(name),
                provider="p",
                cloud="c",
                region=RegionId("us-east-1"),
                model=f"model-of-{name}",
                base_url=url + ("/v1" if name == plain else ""),
                adapter=None if name == plain else name.rstrip("0123456789"),
            )
        targets = tuple(
            Target(
                channel=name,
                weight=1.0,
                priority=place,
                policy=CallPolicy(timeouts=PATIENT if name == plain else timeouts),
            )
            for place, name in enumerate(channels)
        )
        route = Route(name=RouteName("gpt"), targets=targets, attempts_max=len(targets))
        at = SystemClock().now()
        gateway = Gateway(
            GatewaySettings(),
            channels=channels,
            plans=PlanCell(
                RoutingPlan(version=0, made_at=at, valid_until=at + 1e6, routes={route.name: route})
            ),
            sink=(found := House(None, [])),  # type: ignore[arg-type] # its client needs the gateway's address
            transport=ChannelTransports(
                channels, {name: f"secret-of-{name}" for name in channels if "bedrock" not in name}
            ),
            classifier=default_classifier(),
            clock=SystemClock(),
            rng=random.Random(7),
            render_metrics=lambda: b"",
        )
        stack.push_async_callback(gateway.aclose)
        server = await stack.enter_async_context(await serve_asgi(gateway))
        found.client = await stack.enter_async_context(
            openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        )
        try:
            yield found
        finally:
            for app in upstreams.values():
                if isinstance(app, Upstream):
                    app.release.set()


# Gemini


def gemini_part(*parts: Any, finish: str | None = None, usage: int | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    answer: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r-1"}
    if usage is not None:
        answer["usageMetadata"] = {
            "promptTokenCount": 5,
            "candidatesTokenCount": usage,
            "totalTokenCount": 5 + usage,
        }
    return answer


def sse(*events: Any) -> list[bytes]:
    return [b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events]


CALL = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}}


def gemini_error(status: int, word: str, message: str, *details: Any) -> Upstream:
    error = {"code": status, "message": message, "status": word, "details": list(details)}
    return Upstream(status=status, error={"error": error})


def gemini_stream(*texts: str, ending: str = "end", finish: str | None = "STOP") -> Upstream:
    events = [gemini_part({"text": text}, usage=place + 1) for place, text in enumerate(texts)]
    if finish is not None:
        events.append(gemini_part({"text": ""}, finish=finish, usage=len(texts)))
    return Upstream(parts=sse(*events), ending=ending)


@on_a_real_loop
async def test_gemini_whole() -> None:
    upstream = Upstream(whole=gemini_part({"text": "Hello, you."}, finish="MAX_TOKENS", usage=3))
    async with house({"gemini": upstream}) as found:
        answer = await found.says(max_completion_tokens=9, stop="x", temperature=0.5)
    assert answer.choices[0].message.content == "Hello, you."
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.model_dump(exclude_none=True, include={"prompt_tokens", "completion_tokens"}) == {
        "prompt_tokens": 5,
        "completion_tokens": 3,
    }
    path, headers, body = upstream.asked[0]
    assert path.partition("/models/")[2].startswith("model-of-gemini:generateContent")
    assert headers["x-goog-api-key"] == "secret-of-gemini"
    assert body["generationConfig"]["maxOutputTokens"] == 9
    assert body["generationConfig"]["stopSequences"] == ["x"]
    assert body["generationConfig"]["temperature"] == 0.5
    assert found.attempts[0].usage.output_tokens == 3


@on_a_real_loop
async def test_gemini_streamed_with_one_usage_report_at_the_end() -> None:
    async with house({"gemini": gemini_stream("Hello", ", ", "you.")}) as found:
        chunks = await found.hears(stream_options={"include_usage": True})
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello, you."
    assert [c.choices[0].finish_reason for c in chunks if c.choices] == [None, None, None, "stop"]
    assert [c.usage.completion_tokens for c in chunks if c.usage] == [3]
    assert not chunks[-1].choices
    assert len({chunk.id for chunk in chunks}) == 1
    assert found.attempts[0].usage.output_tokens == 3


@on_a_real_loop
async def test_gemini_usage_is_recorded_and_kept_back_when_nobody_asked() -> None:
    async with house({"gemini": gemini_stream("Hello")}) as found:
        chunks = await found.hears()
    assert all(chunk.usage is None for chunk in chunks)
    assert found.attempts[0].usage.output_tokens == 1


@on_a_real_loop
async def test_gemini_tools() -> None:
    whole = Upstream(whole=gemini_part(CALL, finish="STOP", usage=3))
    streamed = Upstream(parts=sse(gemini_part(CALL), gemini_part({"text": ""}, finish="STOP", usage=3)))
    async with house({"gemini": whole}) as found:
        answer = await found.says(tools=[TOOL], parallel_tool_calls=True)
    async with house({"gemini": streamed}) as found:
        chunks = await found.hears(tools=[TOOL])
    assert answer.choices[0].finish_reason == chunks[-1].choices[0].finish_reason == "tool_calls"
    calls = answer.choices[0].message.tool_calls + chunks[0].choices[0].delta.tool_calls
    assert [call.function.name for call in calls] == ["weather", "weather"]
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Oslo"}] * 2
    assert whole.asked[0][2]["tools"][0]["functionDeclarations"][0]["name"] == "weather"


@pytest.mark.parametrize(
    ("status", "word", "message", "kind"),
    [
        (429, "RESOURCE_EXHAUSTED", "Too many requests, slow down.", FailureClass.RATE_LIMITED),
        (403, "PERMISSION_DENIED", "No.", FailureClass.PERMISSION_OR_REGION_DENIED),
        (404, "NOT_FOUND", "models/x is not found", FailureClass.MODEL_NOT_FOUND),
        (500, "INTERNAL", "An internal error has occurred.", FailureClass.SERVER_ERROR),
        (503, "UNAVAILABLE", "The model is overloaded.", FailureClass.OVERLOADED),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
@on_a_real_loop
async def test_gemini_errors_go_to_the_next_channel(
    status: int, word: str, message: str, kind: FailureClass, stream: bool
) -> None:
    ill = gemini_error(status, word, message)
    well = gemini_stream("Hello") if stream else Upstream(whole=gemini_part({"text": "Hello"}, finish="STOP"))
    async with house({"gemini1": ill, "gemini2": well}) as found:
        await (found.hears() if stream else found.says())
    assert found.tried() == [
        ("gemini1", "throttled" if status == 429 else "failure", kind),
        ("gemini2", "success", None),
    ]
    assert len(ill.asked) == 1  # nobody below us tries again


@on_a_real_loop
async def test_gemini_says_how_long_to_wait() -> None:
    wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"}
    async with house({"gemini": gemini_error(429, "RESOURCE_EXHAUSTED", "Slow down.", wait)}) as found:
        with pytest.raises(openai.RateLimitError) as caught:
            await found.says()
    assert 12 <= int(caught.value.response.headers["retry-after"]) <= 13


@on_a_real_loop
async def test_a_fault_of_the_request_goes_back_as_the_provider_said_it() -> None:
    ill = gemini_error(400, "INVALID_ARGUMENT", "Temperature is out of range.")
    async with house({"gemini1": ill, "gemini2": gemini_stream("x")}) as found:
        with pytest.raises(openai.BadRequestError, match="Temperature is out of range"):
            await found.says()
    assert found.tried() == [("gemini1", "ignored", FailureClass.INVALID_REQUEST)]


@on_a_real_loop
async def test_a_wrong_key_is_the_channels_trouble() -> None:
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    ill = gemini_error(400, "INVALID_ARGUMENT", "API key not valid.", reason)
    async with house(
        {"gemini1": ill, "gemini2": Upstream(whole=gemini_part({"text": "x"}, finish="STOP"))}
    ) as found:
        await found.says()
    assert found.tried()[0] == ("gemini1", "failure", FailureClass.AUTHENTICATION)


@pytest.mark.parametrize(
    "fields",
    [{"extra_body": {"top_k": 3}}, {"n": 2}, {"extra_body": {"http_options": {"base_url": "http://evil"}}}],
)
@on_a_real_loop
async def test_what_cannot_be_translated_goes_to_a_channel_that_needs_no_translation(fields: Any) -> None:
    upstream = gemini_stream("x")
    plain = FakeProvider(Always(ProviderAnswer(chunks=("plain",))))
    async with house({"gemini": upstream, "plain": plain}, plain="plain") as found:
        answer = await found.says(**fields)
    assert answer.choices[0].message.content == "plain"
    assert found.tried()[0] == ("gemini", "ignored", FailureClass.UNSUPPORTED_FEATURE)
    assert upstream.asked == []


@on_a_real_loop
async def test_odd_messages_do_not_count_against_the_channel() -> None:
    async with house({"gemini": gemini_stream("x")}) as found:
        for messages in (
            [],
            ["hello"],
            [{"role": "user", "content": [{"type": "image_url", "image_url": 3}]}],
        ):
            with pytest.raises(openai.BadRequestError):
                await found.client.chat.completions.create(model="gpt", messages=messages)  # type: ignore[arg-type]
    assert {outcome for _, outcome, _ in found.tried()} == {"ignored"}


async def broken_stream(found: House) -> list[str]:
    """What came before the stream told that it is broken."""
    heard: list[str] = []
    with pytest.raises(openai.APIError, match="incomplete"):
        await _listen(found, heard)
    return heard


async def _listen(found: House, heard: list[str]) -> None:
    async for chunk in await found.says(stream=True):
        heard.append(chunk.choices[0].delta.content)  # noqa: PERF401 - what came before the error is wanted


@pytest.mark.parametrize(("ending", "finish"), [("cut", None), ("end", None)])
@on_a_real_loop
async def test_gemini_breaks_off(ending: str, finish: str | None) -> None:
    async with house({"gemini": gemini_stream("Hel", "lo", ending=ending, finish=finish)}) as found:
        assert "".join(await broken_stream(found)) == "Hello"
    assert found.tried() == [("gemini", "failure", FailureClass.STREAM_INTERRUPTED)]


@pytest.mark.parametrize("adapter", ["gemini", "bedrock"])
@on_a_real_loop
async def test_nothing_comes_at_all(adapter: str) -> None:
    mute, plain = Upstream(ending="never"), FakeProvider(Always(ProviderAnswer()))
    async with house({adapter: mute, "plain": plain}, BEGINS_SOON, plain="plain") as found:
        await found.hears()
        assert found.tried()[0] == (adapter, "timeout", FailureClass.TIMEOUT_READ)
        if adapter == "gemini":
            await mute.left.wait()


@on_a_real_loop
async def test_gemini_falls_silent() -> None:
    upstream = gemini_stream("Hel", ending="silence", finish=None)
    async with house({"gemini": upstream}, GOES_ON) as found:
        assert await broken_stream(found) == ["Hel"]
        await upstream.left.wait()
    assert found.tried()[0] == ("gemini", "timeout", FailureClass.TIMEOUT_READ)


@on_a_real_loop
async def test_a_client_that_leaves_takes_gemini_along() -> None:
    upstream = gemini_stream("Hel", ending="silence", finish=None)
    async with house({"gemini": upstream}) as found:
        stream = await found.says(stream=True)
        await anext(aiter(stream))
        await stream.close()
        await upstream.left.wait()
    assert found.tried()[0][:2] == ("gemini", "ignored")


@pytest.mark.parametrize("adapter", ["gemini", "bedrock"])
@on_a_real_loop
async def test_nobody_listens(adapter: str) -> None:
    plain = FakeProvider(Always(ProviderAnswer()))
    async with house({adapter: None, "plain": plain}, plain="plain") as found:
        await found.says()
    assert found.tried()[0] == (adapter, "failure", FailureClass.CONNECTION_REFUSED_OR_RESET)


@on_a_real_loop
async def test_other_endpoints_are_not_asked_of_an_adapter() -> None:
    plain = FakeProvider(Always(ProviderAnswer(chunks=("plain",))))
    upstream = gemini_stream("x")
    async with house({"gemini": upstream, "plain": plain}, plain="plain") as found:
        await found.client.embeddings.create(model="gpt", input="x")
        assert found.tried() == [("plain", "success", None)]
    async with house({"gemini": upstream}) as found:
        with pytest.raises(openai.BadRequestError, match="No channel"):
            await found.client.embeddings.create(model="gpt", input="x")
    assert upstream.asked == []


# Bedrock


def frame(kind: str, payload: Any, *, exception: bool = False) -> bytes:
    """AWS's event stream encoding: lengths, a check sum of them, headers, payload, a check sum of all."""
    names = {
        ":message-type": "exception" if exception else "event",
        ":exception-type" if exception else ":event-type": kind,
        ":content-type": "application/json",
    }
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in names.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack("!I", zlib.crc32(message))


@pytest.fixture(autouse=True)
def fake_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys from AWS's own places: its client sends a bearer token over TLS only."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFAKE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)


BEDROCK_USAGE = {"inputTokens": 5, "outputTokens": 3, "totalTokens": 8}


def bedrock_whole(*content: Any, stop: str = "end_turn") -> Upstream:
    message = {"role": "assistant", "content": list(content)}
    return Upstream(
        whole={
            "output": {"message": message},
            "stopReason": stop,
            "usage": BEDROCK_USAGE,
            "metrics": {"latencyMs": 1},
        }
    )


def bedrock_stream(*events: bytes, ending: str = "end", stop: str | None = "end_turn") -> Upstream:
    parts = [frame("messageStart", {"role": "assistant"}), *events]
    if stop is not None:
        parts.append(frame("messageStop", {"stopReason": stop}))
        parts.append(frame("metadata", {"usage": BEDROCK_USAGE, "metrics": {"latencyMs": 1}}))
    return Upstream(parts=parts, ending=ending, content_type=b"application/vnd.amazon.eventstream")


def text(*parts: str) -> list[bytes]:
    return [frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": part}}) for part in parts]


def bedrock_error(status: int, kind: str, message: str) -> Upstream:
    return Upstream(status=status, error={"message": message}, headers=[(b"x-amzn-errortype", kind.encode())])


@on_a_real_loop
async def test_bedrock_whole() -> None:
    upstream = bedrock_whole({"text": "Hello, you."}, stop="max_tokens")
    async with house({"bedrock": upstream}) as found:
        answer = await found.says(max_completion_tokens=9, stop="x")
    assert answer.choices[0].message.content == "Hello, you."
    assert answer.choices[0].finish_reason == "length"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 3)
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == "model-of-bedrock"
    path, headers, body = upstream.asked[0]
    assert path.startswith("/model/model-of-bedrock/converse?")
    assert "Credential=AKIDFAKE/" in headers["authorization"]
    assert "/us-east-1/bedrock/aws4_request" in headers["authorization"]
    assert body["inferenceConfig"] == {"maxTokens": 9, "stopSequences": ["x"]}


def test_bedrock_with_a_key_of_ours() -> None:
    channel = Channel(
        id=ChannelId("b"),
        provider="aws",
        cloud="aws",
        region=RegionId("here"),
        model="m",
        base_url="https://bedrock-runtime.eu-west-3.amazonaws.com",
        adapter="bedrock",
    )
    line: Any = find_library().open(channel, "very-secret")
    client = line._provider.client
    assert client.meta.config.signature_version == "bearer"
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert client.meta.region_name == "eu-west-3"
    client.close()


@on_a_real_loop
async def test_bedrock_streamed() -> None:
    async with house({"bedrock": bedrock_stream(*text("Hello", ", you."))}) as found:
        chunks = await found.hears(stream_options={"include_usage": True})
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello, you."
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == [
        "stop"
    ]
    assert [c.usage.completion_tokens for c in chunks if c.usage] == [3]
    assert found.attempts[0].usage.output_tokens == 3


@on_a_real_loop
async def test_bedrock_tools() -> None:
    use = {"toolUseId": "t-1", "name": "weather"}
    whole = bedrock_whole({"toolUse": {**use, "input": {"city": "Oslo"}}}, stop="tool_use")
    async with house({"bedrock": whole}) as found:
        answer = await found.says(tools=[TOOL])
    begin = frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": use}})
    parts = [
        frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": part}}})
        for part in ('{"city": ', '"Oslo"}')
    ]
    async with (
        house({"bedrock": bedrock_stream(begin, *parts, stop="tool_use")}) as found,
        found.client.chat.completions.stream(model="gpt", messages=HELLO, tools=[TOOL]) as stream,
    ):
        final: Any = await stream.get_final_completion()
    for one in (answer, final):
        assert one.choices[0].finish_reason == "tool_calls"
        (call,) = one.choices[0].message.tool_calls
        assert (call.id, call.function.name) == ("t-1", "weather")
        assert json.loads(call.function.arguments) == {"city": "Oslo"}


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (429, "ThrottlingException", FailureClass.RATE_LIMITED),
        (403, "AccessDeniedException", FailureClass.PERMISSION_OR_REGION_DENIED),
        (404, "ResourceNotFoundException", FailureClass.MODEL_NOT_FOUND),
        (500, "InternalServerException", FailureClass.SERVER_ERROR),
        (503, "ServiceUnavailableException", FailureClass.OVERLOADED),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
@on_a_real_loop
async def test_bedrock_errors_go_to_the_next_channel(
    status: int, word: str, kind: FailureClass, stream: bool
) -> None:
    ill = bedrock_error(status, word, "It did not work.")
    well = bedrock_stream(*text("Hello")) if stream else bedrock_whole({"text": "Hello"})
    async with house({"bedrock1": ill, "bedrock2": well}) as found:
        await (found.hears() if stream else found.says())
    assert found.tried() == [
        ("bedrock1", "throttled" if status == 429 else "failure", kind),
        ("bedrock2", "success", None),
    ]
    assert len(ill.asked) == 1


@on_a_real_loop
async def test_bedrock_refuses_the_request() -> None:
    async with house(
        {"bedrock": bedrock_error(400, "ValidationException", "The roles must alternate.")}
    ) as found:
        with pytest.raises(openai.BadRequestError, match="The roles must alternate"):
            await found.says()
    assert found.tried() == [("bedrock", "ignored", FailureClass.INVALID_REQUEST)]


@pytest.mark.parametrize("how", ["cut", "end", "exception"])
@on_a_real_loop
async def test_bedrock_breaks_off(how: str) -> None:
    events = text("Hel", "lo")
    if how == "exception":
        events.append(frame("modelStreamErrorException", {"message": "The model broke."}, exception=True))
    upstream = bedrock_stream(*events, ending="end" if how == "exception" else how, stop=None)
    async with house({"bedrock": upstream}) as found:
        assert "".join(part or "" for part in await broken_stream(found)) == "Hello"
    assert found.tried() == [("bedrock", "failure", FailureClass.STREAM_INTERRUPTED)]


@on_a_real_loop
async def test_bedrock_is_throttled_in_the_middle() -> None:
    event = frame("throttlingException", {"message": "Too many tokens, slow down."}, exception=True)
    async with house({"bedrock": bedrock_stream(*text("Hel"), event, stop=None)}) as found:
        await broken_stream(found)
    assert found.tried() == [("bedrock", "throttled", FailureClass.RATE_LIMITED)]


def test_packages_that_are_missing_are_said_before_any_request() -> None:
    one = Channel(
        id=ChannelId("w"),
        provider="p",
        cloud="c",
        region=RegionId("r"),
        model="m",
        base_url="http://127.0.0.1:9",
        adapter="watsonx",
    )
    with pytest.raises(ConfigError, match=r"pip install 'any-llm-sdk\[watsonx\]'"):
        ChannelTransports({one.id: one}, {})


def test_the_librarys_adapters_are_known() -> None:
    assert {"bedrock", "gemini", "vertexai"} <= set(adapter_names())


@on_a_real_loop
async def test_bedrock_falls_silent_and_nobody_else_waits_for_it() -> None:
    mute, well = bedrock_stream(*text("Hel"), ending="silence", stop=None), bedrock_stream(*text("Hello"))
    async with house({"bedrock": mute}, GOES_ON) as first, house({"bedrock": well}) as second:
        heard, others = await asyncio.gather(
            broken_stream(first), asyncio.gather(*(second.hears() for _ in range(5)))
        )
        assert "".join(part or "" for part in heard) == "Hel"
        assert [len(chunks) > 0 for chunks in others] == [True] * 5
        await mute.left.wait()
    assert first.tried()[0] == ("bedrock", "timeout", FailureClass.TIMEOUT_READ)


@on_a_real_loop
async def test_a_client_that_leaves_takes_bedrock_along() -> None:
    upstream = bedrock_stream(*text("Hel"), ending="silence", stop=None)
    async with house({"bedrock": upstream}) as found:
        stream = await found.says(stream=True)
        await anext(aiter(stream))
        await stream.close()
        await upstream.left.wait()
    assert found.tried()[0][:2] == ("bedrock", "ignored")
