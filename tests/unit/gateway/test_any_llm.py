"""Channels with an adapter, with a scripted library in place of the real one."""

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from foreroute.core.channel import Channel, Dialect
from foreroute.core.errors import ConfigError, MissingExtra
from foreroute.core.failure import Phase
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import Route, Target, Timeouts
from foreroute.gateway.any_llm import AnyLlmTransport
from foreroute.gateway.any_llm_errors import Refusal, evidence_of, refusal_of
from foreroute.gateway.any_llm_library import adapter_names, find_library
from foreroute.gateway.any_llm_threads import Notes, ThreadedCall
from foreroute.gateway.any_llm_wire import Ask, EventWriter, read_body, whole_bytes
from foreroute.gateway.narrow import Knowledge, Wants, narrowed
from foreroute.gateway.ports import TransportFailure, UpstreamRequest
from foreroute.gateway.transports import ChannelTransports
from foreroute.gateway.wanting import home
from foreroute.gateway.wire.paths import Endpoint
from foreroute.settings import parse_settings
from foreroute.settings.load import SettingsError

LIMITS = Timeouts(connect_s=1.0, first_chunk_s=4.0, stall_s=2.0, total_s=9.0)
HELLO = [{"role": "user", "content": "Hello?"}]


def channel(name: str = "a", **fields: Any) -> Channel:
    return Channel(
        id=ChannelId(name),
        provider="p",
        cloud="c",
        region=RegionId("r"),
        model="their-model",
        base_url="http://127.0.0.1:9",
        **{"adapter": "gemini", **fields},
    )


@dataclass
class Said:
    """A completion or a chunk."""

    payload: dict[str, Any]

    def model_dump(self, **_: Any) -> dict[str, Any]:
        return json.loads(json.dumps(self.payload))  # type: ignore[no-any-return]


def part(finish: str | None = None, index: int = 0, usage: Any = None, **delta: Any) -> Said:
    choice = {"index": index, "delta": {"role": "assistant", **delta}}
    if finish is not None:
        choice["finish_reason"] = finish
    payload = {"id": f"chunk-{id(choice)}", "created": 7, "model": "None", "choices": [choice]}
    return Said(payload if usage is None else {**payload, "usage": usage})


@dataclass
class Script:
    """What a line does: sleeps and raises where told, and otherwise says its parts. Also the library that opens it."""

    parts: list[Any] = field(default_factory=list)
    trouble: Exception | None = None
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    opened: list[tuple[str, str | None]] = field(default_factory=list)
    closed: int = 0
    streams_closed: int = 0

    def check(self, one: Channel) -> None:
        if one.adapter == "nobody":
            raise ConfigError("there is none")

    def open(self, one: Channel, secret: str | None) -> "Script":
        if self.trouble is not None:
            raise self.trouble
        self.opened.append((one.id, secret))
        return self

    async def ask(self, parameters: Mapping[str, Any]) -> Any:
        self.asked.append(parameters)
        if parameters["stream"]:
            return self._stream()
        return await self._next(self.parts[0])

    async def aclose(self) -> None:
        self.closed += 1

    async def _stream(self) -> Any:
        try:
            for one in self.parts:
                said = await self._next(one)
                if said is not None:
                    yield said
        finally:
            self.streams_closed += 1

    async def _next(self, one: Any) -> Any:
        if isinstance(one, float):
            await asyncio.sleep(one)
            return None
        if isinstance(one, Exception):
            raise one
        return one


def request(*, stream: bool = True, path: str = "/chat/completions", **fields: Any) -> UpstreamRequest:
    body = json.dumps({"model": "x", "messages": HELLO, "stream": stream, **fields}).encode()
    return UpstreamRequest(channel=channel(), path=path, body=body, stream=stream, timeouts=LIMITS)


async def heard(script: Script, **fields: Any) -> tuple[int, bytes]:
    transport = AnyLlmTransport(script, {ChannelId("a"): channel()}, {ChannelId("a"): "secret"})
    response = await transport.send(request(**fields))
    try:
        return response.status, b"".join([chunk async for chunk in response.chunks()])
    finally:
        await response.aclose()


def events(raw: bytes) -> list[Any]:
    data = [one.removeprefix(b"data: ") for one in raw.split(b"\n\n") if one]
    return [one if one == b"[DONE]" else json.loads(one) for one in data]


async def breaks(script: Script, **fields: Any) -> tuple[Phase, str, float]:
    with pytest.raises(TransportFailure) as caught:
        await heard(script, **fields)
    evidence = caught.value.evidence
    return evidence.phase, evidence.error_code, round(asyncio.get_running_loop().time(), 1)


# Streams


async def test_a_stream_ends_with_done_only_after_its_finish_reason() -> None:
    assert events((await heard(Script([part(content="Hi"), part("stop")])))[1])[-1] == b"[DONE]"
    assert b"[DONE]" not in (await heard(Script([part(content="Hi")])))[1]
    assert b"[DONE]" not in (await heard(Script([])))[1]
    two = Script([part(content="a"), part(content="b", index=1), part("stop")])
    assert b"[DONE]" not in (await heard(two))[1]


async def test_a_stream_has_one_id_one_role_and_its_usage_at_the_end_if_asked() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    parts = [part(content="a", usage={"completion_tokens": 1}), part(content="b"), part("stop", usage=usage)]
    *told, done = events((await heard(Script(parts), stream_options={"include_usage": True}))[1])
    assert done == b"[DONE]"
    assert len({one["id"] for one in told}) == 1
    assert {one["model"] for one in told} == {"their-model"}
    assert [one["choices"][0]["delta"].get("role") for one in told[:-1]] == ["assistant", None, None]
    assert [one["usage"] for one in told if "usage" in one] == [usage]
    assert told[-1]["choices"] == []
    assert b"usage" not in (await heard(Script(parts)))[1]


async def test_each_wait_has_its_timer() -> None:
    assert await breaks(Script([30.0])) == (Phase.FIRST_CHUNK, "", 4.0)


async def test_a_silence_in_the_middle() -> None:
    script = Script([3.0, part(content="a"), 30.0])
    assert await breaks(script) == (Phase.STREAM, "", 5.0)
    assert script.streams_closed == 1


async def test_a_stream_may_not_last_longer_than_its_total() -> None:
    script = Script([one for n in range(20) for one in (1.0, part(content=str(n)))])
    assert await breaks(script) == (Phase.STREAM, "", 9.0)


async def test_a_whole_answer_has_the_total() -> None:
    assert await breaks(Script([30.0]), stream=False) == (Phase.HEADERS, "", 9.0)


async def test_a_stream_that_nobody_wants_any_more_is_closed() -> None:
    script = Script([part(content="a"), 30.0])
    transport = AnyLlmTransport(script, {ChannelId("a"): channel()}, {})
    response = await transport.send(request())
    chunks = response.chunks()
    await anext(chunks)
    waiting = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    await response.aclose()
    assert script.streams_closed == 1


async def test_what_the_library_cannot_read_is_not_quoted() -> None:
    script = Script([part(content="a"), KeyError("the secret answer")])
    transport = AnyLlmTransport(script, {ChannelId("a"): channel()}, {})
    response = await transport.send(request())
    with pytest.raises(TransportFailure) as caught:
        [chunk async for chunk in response.chunks()]
    assert caught.value.evidence.error_code == "malformed_response"
    assert "secret answer" not in repr(caught.value.evidence)


# Parameters and answers


def test_only_known_parameters_are_passed_on() -> None:
    asked = read_body(json.dumps({"messages": HELLO, "http_options": {"base_url": "http://evil"}}).encode())
    assert isinstance(asked, Refusal)
    assert (asked.status, asked.code, asked.param) == (400, "unsupported_parameter", "http_options")
    assert isinstance(read_body(b"[]"), Refusal)
    assert isinstance(read_body(b"{"), Refusal)


def test_names_for_the_same_thing() -> None:
    body = {
        "model": "m",
        "messages": HELLO,
        "max_completion_tokens": 5,
        "stop": "x",
        "n": 1,
        "parallel_tool_calls": True,
        "seed": None,
        "metadata": {},
        "temperature": 0,
    }
    asked = read_body(json.dumps(body).encode())
    assert isinstance(asked, Ask)
    assert asked.parameters == {"messages": HELLO, "max_tokens": 5, "stop": ["x"], "temperature": 0}
    assert not asked.wants_usage


def test_a_whole_answer_gets_what_the_provider_leaves_out() -> None:
    message = {"role": "assistant", "reasoning": {"content": "hm"}}
    payload = {"id": "", "model": "", "choices": [{"message": message, "finish_reason": "stop"}]}
    answer = json.loads(whole_bytes(Said(payload), "their-model", "chatcmpl-1"))
    assert (answer["id"], answer["model"]) == ("chatcmpl-1", "their-model")
    assert answer["choices"][0]["message"] == {
        "role": "assistant",
        "reasoning_content": "hm",
        "content": None,
    }


def test_later_parts_of_a_tool_call_do_not_overwrite_its_name() -> None:
    writer = EventWriter("m", "id", wants_usage=False)
    call = {"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": "{}"}}
    (event,) = events(writer.event(part(tool_calls=[call])))
    assert event["choices"][0]["delta"]["tool_calls"] == [
        {"index": 0, "type": "function", "function": {"arguments": "{}"}}
    ]


async def test_what_is_asked() -> None:
    script = Script([Said({"id": "i", "choices": []})])
    assert (await heard(script, stream=False))[0] == 200
    assert script.asked == [{"messages": HELLO, "model": "their-model", "stream": False}]
    assert script.opened == [("a", "secret")]


async def test_other_endpoints_are_refused_without_asking() -> None:
    script = Script()
    status, body = await heard(script, path="/embeddings")
    assert (status, json.loads(body)["error"]["code"]) == (404, "unsupported_operation")
    assert script.asked == []


# Errors


class _LibraryError(Exception):
    """As the library's are: what was raised below is kept."""

    def __init__(self, message: str, original_exception: Exception | None = None, **fields: Any) -> None:
        super().__init__(message)
        self.original_exception = original_exception
        self.__dict__.update(fields)


def named(name: str, *bases: type[Exception], module: str = "any_llm.exceptions") -> Any:
    return type(name, bases or (_LibraryError,), {"__module__": module})


@pytest.mark.parametrize(
    ("name", "fields", "status", "code"),
    [
        ("RateLimitError", {"status_code": None}, 429, None),
        ("ProviderError", {"status_code": 503}, 503, None),
        ("ContextLengthExceededError", {"status_code": 400}, 400, "context_length_exceeded"),
        ("UnsupportedParameterError", {"parameter_name": "n"}, 400, "unsupported_parameter"),
        ("InvalidRequestError", {"status_code": 422, "code": "odd"}, 422, "odd"),
    ],
)
def test_the_librarys_errors(name: str, fields: Any, status: int, code: str | None) -> None:
    refusal = refusal_of(named(name)("no: Bearer abcdefgh", **fields))
    assert refusal is not None
    assert (refusal.status, refusal.code) == (status, code)
    assert "abcdefgh" not in refusal.message
    assert refusal.param == fields.get("parameter_name")


def test_a_host_that_sounds_like_an_error_is_still_a_broken_wire() -> None:
    origin = ConnectionRefusedError("cannot connect to auth.example")
    error = named("AuthenticationError")("auth", original_exception=origin)
    assert refusal_of(error) is None
    assert evidence_of(error, Phase.HEADERS).phase is Phase.CONNECT


@pytest.mark.parametrize(
    ("name", "module", "phase"),
    [
        ("ConnectTimeoutError", "botocore.exceptions", Phase.CONNECT),
        ("EndpointConnectionError", "botocore.exceptions", Phase.CONNECT),
        ("NameResolutionError", "urllib3.exceptions", Phase.DNS),
        ("SSLError", "botocore.exceptions", Phase.TLS),
        ("ReadTimeoutError", "botocore.exceptions", Phase.HEADERS),
    ],
)
def test_how_far_it_had_come(name: str, module: str, phase: Phase) -> None:
    base = named(
        "ConnectionError" if module.startswith("botocore") else "HTTPError", Exception, module=module
    )
    assert evidence_of(named(name, base, module=module)("x"), Phase.HEADERS).phase is phase


def test_what_cannot_be_written_is_the_requests_fault_and_what_cannot_be_read_is_not() -> None:
    def _convert_completion_params() -> None:
        raise KeyError("content")

    try:
        _convert_completion_params()
    except KeyError as error:
        writing = refusal_of(error)
    assert writing is not None
    assert (writing.status, writing.code) == (400, "unsupported_parameter")
    assert refusal_of(KeyError("output")) is None


def test_a_request_that_is_refused_is_not_quoted() -> None:
    class CompletionParams(BaseModel):
        messages: list[dict[str, Any]]

    with pytest.raises(ValidationError) as caught:
        CompletionParams.model_validate({"messages": ["the secret prompt"]})
    refusal = refusal_of(caught.value)
    assert refusal is not None
    assert (refusal.status, refusal.message) == (400, "messages.0: Input should be a valid dictionary")


def test_awss_answer_is_a_dict() -> None:
    origin = named("ClientError", Exception, module="botocore.exceptions")("x")
    origin.response = {
        "Error": {"Code": "ThrottlingException", "Message": "Slow down."},
        "ResponseMetadata": {"HTTPStatusCode": 429, "HTTPHeaders": {"retry-after": "7"}},
    }
    refusal = refusal_of(named("ProviderError")("x", original_exception=origin))
    assert refusal == Refusal(status=429, message="Slow down.", type="ThrottlingException", retry_after="7")
    assert refusal.headers()["retry-after"] == "7"


# Lines


async def test_a_line_that_cannot_be_opened_is_its_channels_trouble() -> None:
    status, body = await heard(Script(trouble=named("MissingApiKeyError")("no key")))
    assert (status, json.loads(body)["error"]["message"]) == (401, "no key")
    assert (await heard(Script(trouble=RuntimeError("odd"))))[0] == 500


async def test_a_new_configuration_keeps_the_lines_that_stay() -> None:
    script, a, b = Script(), ChannelId("a"), ChannelId("b")
    transport = AnyLlmTransport(script, {a: channel()}, {a: "one"})
    transport.adopt({a: channel(), b: channel("b")}, {a: "one"})
    assert script.opened == [("a", "one"), ("b", None)]
    transport.adopt({a: channel()}, {a: "two"})
    assert script.opened[2:] == [("a", "two")]
    assert script.closed == 0  # answers may be under way
    await transport.aclose()
    assert script.closed == 3


async def test_the_library_is_looked_for_when_a_channel_needs_it() -> None:
    looked: list[int] = []

    def find() -> Script:
        looked.append(1)
        return Script([part("stop")])

    plain, a = channel(adapter=None), ChannelId("a")
    transports = ChannelTransports({a: plain}, {}, find)
    assert looked == []
    transports.prepare({a: channel()})
    transports.adopt({a: channel()}, {})
    assert (await transports.send(request())).status == 200
    transports.prepare({a: channel()})
    assert looked == [1]
    with pytest.raises(ConfigError):
        transports.prepare({a: channel(), ChannelId("b"): channel("b", adapter="nobody")})
    assert (await transports.send(request())).status == 200
    with pytest.raises(TransportFailure):
        await transports.send(
            UpstreamRequest(channel=plain, path="/x", body=b"", stream=False, timeouts=LIMITS)
        )
    await transports.aclose()


def test_without_the_library_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "any_llm", None)
    with pytest.raises(MissingExtra, match=r"pip install 'foreroute\[adapters\]'"):
        ChannelTransports({ChannelId("a"): channel()}, {}, find_library)
    ChannelTransports({ChannelId("a"): channel(adapter=None)}, {}, find_library)


# Threads, on a real loop: virtual time does not wait for them


@pytest.mark.parametrize("how", ["whole", "stream", "error", "broken"])
def test_a_blocking_client_answers_from_its_own_thread(how: str) -> None:
    async def ask() -> Any:
        loop = asyncio.get_running_loop()
        if how == "error":
            raise ValueError("no")
        said = await loop.run_in_executor(None, lambda: "yes")
        return said if how == "whole" else stream()

    async def stream() -> Any:
        yield 1
        if how == "broken":
            raise ValueError("no")
        yield 2

    async def talk() -> list[Any]:
        answer = await ThreadedCall(ask, Notes()).answer()
        return [answer] if how == "whole" else [one async for one in answer]

    if how in {"error", "broken"}:
        with pytest.raises(ValueError, match="no"):
            asyncio.run(talk())
    else:
        assert asyncio.run(talk()) == (["yes"] if how == "whole" else [1, 2])


# Choice and configuration


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_a_channel_with_an_adapter_fits_chat_only(endpoint: Endpoint) -> None:
    targets = tuple(Target(channel=ChannelId(name), weight=1.0) for name in "ab")
    known = Knowledge(
        channels={ChannelId("a"): channel(), ChannelId("b"): channel("b", adapter=None)},
        unit_price=lambda _: None,
        delay_s=lambda *_: 0.0,
        seconds_per_token=lambda _: 0.0,
    )
    route = narrowed(
        Route(name=RouteName("gpt"), targets=targets), Wants(dialect=Dialect.OPENAI, endpoint=endpoint), known
    )
    assert [one.channel for one in route.targets] == (["a", "b"] if endpoint is Endpoint.CHAT else ["b"])


def test_objects_are_at_home_where_nothing_is_translated() -> None:
    targets = tuple(Target(channel=ChannelId(name), weight=1.0) for name in "ab")
    channels = {ChannelId("a"): channel(), ChannelId("b"): channel("b", adapter=None)}
    assert home(Route(name=RouteName("gpt"), targets=targets), channels) == "b"


CONFIG = """
channels:
  - {{id: a, provider: google, region: here, model: m, base_url: "https://generativelanguage.googleapis.com", {rest}}}
routes:
  - {{model: gpt, targets: [{{channel: a}}]}}
"""


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("adapter: gemini, api_key: '${KEY}'", None),
        ("adapter: bedrock", None),
        ("adapter: gemini", r"(?s)api_key.*needs a key"),
        ("adapter: gemini, api_key: '${KEY}', dialect: anthropic", "translates from the openai dialect only"),
        ("adapter: gemni, api_key: '${KEY}'", r"(?s)there is no adapter 'gemni'.*did you mean gemini\?"),
    ],
)
def test_adapters_in_a_configuration(rest: str, said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foreroute.settings.cross.adapter_names", lambda: ("bedrock", "gemini", "vertexai"))
    raw = CONFIG.format(rest=rest).encode()
    if said is None:
        assert parse_settings(raw, name="x.yaml", environment={"KEY": "k"}).channels[0].adapter is not None
        return
    with pytest.raises(SettingsError, match=said):
        parse_settings(raw, name="x.yaml", environment={"KEY": "k"})


def test_without_the_library_any_name_may_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foreroute.gateway.any_llm_library.find_spec", lambda _: None)
    assert adapter_names() == ()
    raw = CONFIG.format(rest="adapter: gemni, api_key: '${KEY}'").encode()
    assert parse_settings(raw, name="x.yaml", environment={"KEY": "k"}).channels[0].adapter == "gemni"
