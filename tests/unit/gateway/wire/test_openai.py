import orjson
import pytest

from foreroute.core.attempt import Usage
from foreroute.core.failure import Phase
from foreroute.gateway.wire.answers import Hollow, read_answer
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.request import ModelRequest, read_small_request
from foreroute.gateway.wire.units import chat_usage as usage_of
from foreroute.gateway.wire.watch import StreamWatch


def read(body: bytes, endpoint: Endpoint = Endpoint.CHAT) -> ModelRequest:
    request = read_small_request(Call(endpoint, endpoint.value), body, depth_max=20)
    assert isinstance(request, ModelRequest)
    return request


@pytest.mark.parametrize(
    ("body", "says", "param"),
    [
        (b'{"model": "x", }', "line 1 column", None),
        (b"", "not valid JSON", None),
        (b"[]", "must be a JSON object", None),
        (b"{}", "provide a `model`", "model"),
        (b'{"model": 3}', "provide a `model`", "model"),
        (b'{"model": "x", "stream": "yes"}', "`stream` must be", "stream"),
        (b'{"model": "x", "a": ' + b"[" * 30 + b"]" * 30 + b"}", "deeper than the limit of 20", None),
        (b'{"model": "\xff"}', "not valid JSON", None),
    ],
)
def test_what_is_wrong_is_said(body: bytes, says: str, param: str | None) -> None:
    answer = read_small_request(Call(Endpoint.CHAT, "/chat/completions"), body, depth_max=20)
    assert isinstance(answer, ErrorAnswer)
    assert answer.status == 400
    assert says in answer.message
    assert answer.param == param
    assert set(orjson.loads(answer.body())["error"]) == {"message", "type", "param", "code"}


def test_the_depth_limit_counts_the_body_itself() -> None:
    body = b'{"model": "x", "a": ' + b"[" * 19 + b"]" * 19 + b"}"
    assert isinstance(
        read_small_request(Call(Endpoint.CHAT, "/chat/completions"), body, depth_max=20), ModelRequest
    )
    assert isinstance(
        read_small_request(Call(Endpoint.CHAT, "/chat/completions"), body, depth_max=19), ErrorAnswer
    )


def test_every_way_of_writing_the_key_is_rewritten() -> None:
    body = rb'{"model":"a", "x":{"model":"inner"}, "mod\u0065l" : "gpt", "s":"\"model\":\"no\""}'
    request = read(body)
    assert request.model == "gpt", "the last one counts, as in every JSON parser"
    expected = rb'{"model":"new", "x":{"model":"inner"}, "mod\u0065l" : "new", "s":"\"model\":\"no\""}'
    assert request.for_channel("new") == expected


def test_embeddings_are_never_asked_for_stream_usage() -> None:
    body = b'{"model":"gpt","stream":true}'
    assert read(body, Endpoint.EMBEDDINGS).for_channel("gpt") == body
    assert (
        read(body).for_channel("gpt")
        == b'{"stream_options":{"include_usage":true},"model":"gpt","stream":true}'
    )


def test_usage_buckets_are_disjoint() -> None:
    usage = usage_of(
        {
            "prompt_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
            "completion_tokens": 50,
            "completion_tokens_details": {"reasoning_tokens": 40},
        }
    )
    assert usage == Usage(50, 30, 20, 50, 40)


@pytest.mark.parametrize(
    "odd", [None, [], {"prompt_tokens": None}, {"prompt_tokens": -3}, {"prompt_tokens": "7"}]
)
def test_odd_usage_is_no_usage(odd: object) -> None:
    assert usage_of(odd) == Usage()


@pytest.mark.parametrize(
    ("endpoint", "body", "says"),
    [
        (Endpoint.CHAT, b"<html>", "not JSON"),
        (Endpoint.CHAT, b"  ", "empty body"),
        (Endpoint.CHAT, b"[]", "not an object"),
        (Endpoint.CHAT, b'{"choices":[]}', "no choices"),
        (Endpoint.EMBEDDINGS, b'{"data":[]}', "no data"),
        (Endpoint.CHAT, b'{"error":{"message":"busy","code":"server_is_overloaded"}}', "busy"),
        (Endpoint.CHAT, b'{"error":"busy"}', "busy"),
    ],
)
def test_a_hollow_answer_is_told_from_a_real_one(endpoint: Endpoint, body: bytes, says: str) -> None:
    answer = read_answer(endpoint, 200, {"content-type": "text/html"}, body)
    assert isinstance(answer, Hollow)
    assert says in answer.evidence.message
    assert answer.evidence.phase is Phase.FIRST_CHUNK


def watch(*events: bytes, strip: bool = True) -> StreamWatch:
    watch = StreamWatch(Endpoint.CHAT, status=200, content_type="text/event-stream", strip_usage=strip)
    for event in events:
        watch.feed(event)
        if watch.fault is not None:
            return watch
    watch.end()
    return watch


ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
OTHER = b'data: {"choices":[{"index":1,"delta":{"content":"yo"},"finish_reason":null}]}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([ROLE, TEXT, STOP, DONE], None),
        ([TEXT, STOP], None),
        ([TEXT, DONE], None),
        ([TEXT, STOP[:-2]], None),
        ([TEXT, DONE[:-1]], None),
        ([ROLE, STOP, DONE], None),
        ([TEXT, STOP, OTHER[:40]], None),
        ([TEXT], "stream_interrupted"),
        ([TEXT, OTHER, STOP], "stream_interrupted"),
        ([TEXT, STOP[:30]], "stream_interrupted"),
        ([], "malformed_response"),
        ([ROLE], "malformed_response"),
        ([DONE], "malformed_response"),
        ([b": ping\n\n"], "malformed_response"),
        ([TEXT, b"data: {oops\n\n"], "malformed_response"),
        ([TEXT, b'data: {"error":{"message":"x","code":"boom"}}\n\n'], "boom"),
        ([b'event: error\ndata: {"message":"x","code":"boom"}\n\n'], "boom"),
    ],
)
def test_how_a_stream_ended(events: list[bytes], code: str | None) -> None:
    seen = watch(*events)
    assert (seen.fault.error_code if seen.fault else None) == code
    assert seen.complete == (code is None)
    if seen.fault is not None:
        assert seen.fault.phase is (Phase.STREAM if TEXT in events else Phase.FIRST_CHUNK)
