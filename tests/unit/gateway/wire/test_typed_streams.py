"""Streams whose events name their type (Responses, Messages): content, end, usage and faults."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.failure import Phase
from foreroute.gateway.wire.answers import Hollow, Whole, read_answer
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.units import chat_usage, messages_usage, responses_usage, usage_of
from foreroute.gateway.wire.watch import StreamWatch

R, M = Endpoint.RESPONSES, Endpoint.MESSAGES


def event(kind: str, **fields: Any) -> bytes:
    return b"event: %s\ndata: " % kind.encode() + orjson.dumps({"type": kind, **fields}) + b"\n\n"


CREATED = event(
    "response.created", response={"id": "resp_1", "status": "in_progress", "error": None, "usage": None}
)
ITEM = event("response.output_item.added", output_index=0, item={"type": "message"})
DELTA = event("response.output_text.delta", delta="Hi", output_index=0)
ARGUMENTS = event("response.function_call_arguments.delta", delta="{")
R_USAGE = {"input_tokens": 50, "input_tokens_details": {"cached_tokens": 20}, "output_tokens": 7,
           "output_tokens_details": {"reasoning_tokens": 3}}  # fmt: skip
COMPLETED = event(
    "response.completed", response={"id": "resp_1", "output": [{"type": "message"}], "usage": R_USAGE}
)
INCOMPLETE = event("response.incomplete", response={"id": "resp_1", "output": [], "usage": R_USAGE})
FAILED = event("response.failed", response={"id": "r", "error": {"code": "server_error", "message": "Oh no"}})
R_ERROR = event("error", code="rate_limit_exceeded", message="Slow down", param=None)

START = event("message_start", message={"id": "msg_1", "usage": {"input_tokens": 30, "cache_read_input_tokens": 9,
                                                                "output_tokens": 1}})  # fmt: skip
PING = event("ping")
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
TOOL = event("content_block_start", index=0, content_block={"type": "tool_use", "name": "f", "input": {}})
TEXT = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"})
STOP = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 12})
NO_REASON = event("message_delta", delta={"stop_reason": None}, usage={"output_tokens": 12})
END = event("message_stop")
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "Busy"})


def watch(endpoint: Endpoint, *events: bytes, end: bool = True, input_tokens: int = 0) -> StreamWatch:
    seen = StreamWatch(
        endpoint, status=200, content_type="text/event-stream", strip_usage=True, input_tokens=input_tokens
    )
    for one in events:
        out = seen.feed(one)
        if seen.fault is not None:
            return seen
        assert out == (one if one.endswith(b"\n\n") else b""), "typed streams pass through untouched"
    if end:
        seen.end()
    return seen


@pytest.mark.parametrize(
    ("endpoint", "events", "code"),
    [
        (R, [CREATED, ITEM, DELTA, COMPLETED], None),
        (R, [CREATED, ARGUMENTS, COMPLETED], None),
        (R, [CREATED, COMPLETED], None),
        (R, [CREATED, INCOMPLETE], None),
        (R, [CREATED, DELTA, COMPLETED[:-1]], None),
        (R, [CREATED, DELTA], "stream_interrupted"),
        (R, [CREATED, DELTA, COMPLETED[:60]], "stream_interrupted"),
        (R, [CREATED, ITEM], "malformed_response"),
        (R, [CREATED], "malformed_response"),
        (R, [], "malformed_response"),
        (R, [CREATED, FAILED], "server_error"),
        (R, [CREATED, DELTA, FAILED], "server_error"),
        (R, [CREATED, DELTA, R_ERROR], "rate_limit_exceeded"),
        (R, [R_ERROR], "rate_limit_exceeded"),
        (M, [START, BLOCK, PING, TEXT, STOP, END], None),
        (M, [START, TOOL, STOP, END], None),
        (M, [START, STOP, END], None),
        (M, [START, BLOCK, TEXT, STOP, END[:-1]], None),
        (M, [START, BLOCK, TEXT], "stream_interrupted"),
        (M, [START, BLOCK, TEXT, STOP], "stream_interrupted"),
        (M, [START, BLOCK, TEXT, END], "stream_interrupted"),
        (M, [START, BLOCK, TEXT, NO_REASON, END], "stream_interrupted"),
        (M, [START, BLOCK, PING], "malformed_response"),
        (M, [PING], "malformed_response"),
        (M, [], "malformed_response"),
        (M, [START, OVERLOADED], ""),
        (M, [START, BLOCK, TEXT, OVERLOADED], ""),
    ],
)
def test_how_a_stream_ended(endpoint: Endpoint, events: list[bytes], code: str | None) -> None:
    seen = watch(endpoint, *events)
    assert (seen.fault.error_code if seen.fault else None) == code
    assert seen.complete == (code is None)
    if seen.fault is not None:
        said = bool({DELTA, ARGUMENTS, TEXT, TOOL} & set(events))
        assert seen.fault.phase is (Phase.STREAM if said else Phase.FIRST_CHUNK)


def test_what_an_error_event_says_is_kept() -> None:
    for endpoint, events in ((R, [DELTA, FAILED]), (R, [R_ERROR]), (M, [TEXT, OVERLOADED])):
        fault = watch(endpoint, *events).fault
        assert fault is not None
        assert fault.message in {"Oh no", "Slow down", "Busy"}
    fault = watch(M, START, OVERLOADED).fault
    assert fault is not None
    assert fault.error_type == "overloaded_error"


@pytest.mark.parametrize(
    ("endpoint", "events", "content"),
    [
        (R, [CREATED, ITEM], False),
        (R, [CREATED, ITEM, DELTA], True),
        (R, [CREATED, ARGUMENTS], True),
        (M, [START, PING, BLOCK], False),
        (M, [START, TOOL], True),
        (M, [START, BLOCK, TEXT], True),
    ],
)
def test_when_content_has_come(endpoint: Endpoint, events: list[bytes], content: bool) -> None:
    assert watch(endpoint, *events, end=False).has_content is content


def test_the_answers_id_is_known_for_responses_from_the_first_event() -> None:
    assert watch(R, CREATED, end=False).answer_id == "resp_1"
    assert watch(M, START, end=False).answer_id is None


@pytest.mark.parametrize(
    ("endpoint", "events", "usage"),
    [
        (R, [CREATED, DELTA, COMPLETED], Usage(30, 20, 0, 7, 3)),
        (R, [CREATED, DELTA, DELTA, DELTA], Usage(input_tokens=99, output_tokens=3)),
        (R, [CREATED], NO_USAGE),
        (M, [START, BLOCK, TEXT, STOP, END], Usage(30, 9, 0, 12, 0)),
        (M, [START, BLOCK, TEXT, TEXT, TEXT], Usage(30, 9, 0, 3, 0)),
        (M, [START, BLOCK, TEXT, TEXT, STOP], Usage(30, 9, 0, 12, 0)),
        (M, [START], Usage(30, 9, 0, 1, 0)),
        (M, [BLOCK, TEXT, TEXT], Usage(input_tokens=99, output_tokens=2)),
        (M, [], NO_USAGE),
    ],
)
def test_what_was_used_when_the_client_leaves_here(
    endpoint: Endpoint, events: list[bytes], usage: Usage
) -> None:
    assert watch(endpoint, *events, end=False, input_tokens=99).usage == usage


def test_chat_streams_that_never_say_what_they_used_are_estimated() -> None:
    said = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
    role = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
    assert watch(Endpoint.CHAT, role, said, said, end=False, input_tokens=11).usage == Usage(11, 0, 0, 2, 0)
    assert watch(Endpoint.CHAT, role, end=False, input_tokens=11).usage == NO_USAGE
    early = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":5,"completion_tokens":1}}\n\n'
    late = early.replace(b'"completion_tokens":1', b'"completion_tokens":40')
    assert watch(Endpoint.CHAT, early, said, said, end=False).usage == Usage(5, 0, 0, 3, 0)
    assert watch(Endpoint.CHAT, late, said, end=False).usage == Usage(5, 0, 0, 40, 0)


@given(
    places=st.lists(st.integers(0, 400), max_size=12),
    which=st.sampled_from(
        [(R, (CREATED, ITEM, DELTA, COMPLETED)), (M, (START, BLOCK, PING, TEXT, STOP, END))]
    ),
)
def test_typed_streams_do_not_depend_on_the_chunks(
    places: list[int], which: tuple[Endpoint, tuple[bytes, ...]]
) -> None:
    endpoint, events = which
    data = b"".join(events)
    cuts = sorted({0, len(data), *(place % len(data) for place in places)})
    seen = StreamWatch(endpoint, status=200, content_type="", strip_usage=True)
    out = b"".join(seen.feed(data[a:b]) for a, b in pairwise(cuts)) + seen.end()
    assert out == data
    assert seen.complete
    assert seen.usage == watch(*which[:1], *events).usage


@given(
    which=st.sampled_from(
        [(R, (CREATED, ITEM, DELTA, COMPLETED)), (M, (START, BLOCK, PING, TEXT, STOP, END))]
    ),
    kept=st.integers(0, 2000),
)
def test_a_typed_stream_that_is_cut_anywhere_is_never_taken_for_whole(
    which: tuple[Endpoint, tuple[bytes, ...]], kept: int
) -> None:
    endpoint, events = which
    data = b"".join(events)
    seen = StreamWatch(endpoint, status=200, content_type="", strip_usage=True)
    seen.feed(data[: kept % (len(data) - 2)])
    seen.end()
    assert not seen.complete
    assert seen.fault is not None


COUNTS = st.integers(0, 10**6)


@given(plain=COUNTS, cached=COUNTS, written=COUNTS, output=COUNTS, reasoning=COUNTS)
def test_usage_buckets_are_disjoint_in_every_format(
    plain: int, cached: int, written: int, output: int, reasoning: int
) -> None:
    """OpenAI counts cached tokens inside the input's, Anthropic beside them; the buckets are the same."""
    expected = Usage(plain, cached, written, output, min(reasoning, output))
    details = {"cached_tokens": cached, "cache_write_tokens": written}
    made = {"reasoning_tokens": min(reasoning, output)}
    whole = plain + cached + written
    assert expected == chat_usage(
        {
            "prompt_tokens": whole,
            "prompt_tokens_details": details,
            "completion_tokens": output,
            "completion_tokens_details": made,
        }
    )
    typed = {
        "input_tokens": whole,
        "input_tokens_details": details,
        "output_tokens": output,
        "output_tokens_details": made,
    }
    assert responses_usage(typed) == usage_of(Endpoint.OPAQUE, typed) == expected
    assert expected == messages_usage(
        {
            "input_tokens": plain,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": written,
            "output_tokens": output,
            "output_tokens_details": {"thinking_tokens": min(reasoning, output)},
        }
    )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["prompt_tokens", "input_tokens", "output_tokens", "prompt_tokens_details", "cached_tokens"]
            ),
            inner,
        )
    ),
    max_leaves=6,
)


@given(endpoint=st.sampled_from(Endpoint), report=ANYTHING)
def test_odd_reports_are_no_negative_usage(endpoint: Endpoint, report: Any) -> None:
    usage = usage_of(endpoint, report)
    assert min(usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) >= 0
    assert min(usage.output_tokens, usage.reasoning_tokens) >= 0


@pytest.mark.parametrize(
    ("endpoint", "payload", "says"),
    [
        (R, {"id": "r", "output": [1], "usage": R_USAGE}, None),
        (R, {"id": "r", "output": [], "status": "incomplete"}, None),
        (R, {"id": "r", "output": [], "status": "queued"}, None),
        (R, {"id": "r", "output": [], "status": "completed"}, "no output"),
        (
            R,
            {"status": "failed", "error": {"code": "server_error", "message": "Oh no"}, "output": []},
            "Oh no",
        ),
        (M, {"content": [{"type": "text"}], "stop_reason": "end_turn"}, None),
        (M, {"content": [], "stop_reason": "end_turn"}, None),
        (M, {"content": [], "stop_reason": None}, "no content"),
        (M, {"type": "error", "error": {"type": "api_error", "message": "Oh no"}}, "Oh no"),
        (Endpoint.COUNT_TOKENS, {"input_tokens": 0}, None),
        (Endpoint.COUNT_TOKENS, {"input_tokens": 12}, None),
        (Endpoint.COUNT_TOKENS, {}, "no input_tokens"),
    ],
)
def test_whole_answers(endpoint: Endpoint, payload: Any, says: str | None) -> None:
    answer = read_answer(endpoint, 200, {}, orjson.dumps(payload))
    if says is None:
        assert isinstance(answer, Whole)
        assert answer.answer_id == payload.get("id")
    else:
        assert isinstance(answer, Hollow)
        assert says in answer.evidence.message
