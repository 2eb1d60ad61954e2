"""On the wire: chunking changes nothing, and rewriting changes nothing else."""

import asyncio
import itertools
from typing import Any
from unittest.mock import patch

import orjson
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.ids import RouteName
from foreroute.gateway.wire import forms as forms_module
from foreroute.gateway.wire import skim as skim_module
from foreroute.gateway.wire.answers import Hollow, Whole, read_answer, read_opaque
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.estimate import tokens_in, tokens_in_steps
from foreroute.gateway.wire.forms import read_form
from foreroute.gateway.wire.members import in_turns
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.request import ModelRequest, read_opaque_request, read_small_request
from foreroute.gateway.wire.skim import skim
from foreroute.gateway.wire.spans import BadBody, Span, is_deeper, spans_of, without
from foreroute.gateway.wire.sse import EventSplitter
from foreroute.gateway.wire.watch import StreamWatch

CHAT = Call(Endpoint.CHAT, "/chat/completions")

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.text() | st.sampled_from(["messages", "tools", "temperature", 'mo"del', "model\\", "n"])


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


@given(
    lines=st.lists(
        st.binary(max_size=8).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"")), max_size=12
    ),
    ends=st.lists(
        st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\n\r\n"]), min_size=12, max_size=12
    ),
    cuts=st.lists(st.integers(0, 10_000), max_size=20),
)
def test_events_do_not_depend_on_the_chunks(lines: list[bytes], ends: list[bytes], cuts: list[int]) -> None:
    data = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    whole, parted = EventSplitter(), EventSplitter()
    expected = list(whole.feed(data))
    got = [event for chunk in chunked(data, cuts) for event in parted.feed(chunk)]
    assert got == expected
    assert parted.rest == whole.rest
    assert b"".join([*got, parted.rest]) == data


@given(cuts=st.lists(st.integers(0, 10_000), max_size=30), strip=st.booleans(), length=st.integers(0, 4))
def test_a_watched_stream_does_not_depend_on_the_chunks(cuts: list[int], strip: bool, length: int) -> None:
    events: list[Any] = [{"choices": [{"index": 0, "delta": {"role": "assistant"}}]}]
    events += [{"choices": [{"index": 0, "delta": {"content": "x"}}]}] * length
    events += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}
    sent = [b": hello\n\n", *(b"data: " + orjson.dumps(e) + b"\n\n" for e in events)]
    asked = [b"data: " + orjson.dumps(usage) + b"\r\n\r\n"]
    watch = StreamWatch(Endpoint.CHAT, status=200, content_type="text/event-stream", strip_usage=strip)
    out = b"".join(watch.feed(c) for c in chunked(b"".join([*sent, *asked, b"data: [DONE]\n\n"]), cuts))
    assert out + watch.end() == b"".join([*sent, *([] if strip else asked), b"data: [DONE]\n\n"])
    assert watch.complete
    assert (watch.usage.input_tokens, watch.usage.output_tokens) == (9, 4)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """JSON objects with a model, in any order and with any white space between."""
    fields = [(key, draw(JSON)) for key in draw(st.lists(KEYS, max_size=5, unique=True))]
    fields = [(k, v) for k, v in fields if k not in {"model", "stream", "stream_options"}]
    fields.append(("model", draw(st.sampled_from(["gpt", 'a"b', "ü\\n"]))))
    if draw(st.booleans()):
        fields.append(("stream", draw(st.booleans())))
    if draw(st.booleans()):
        fields.append(
            ("stream_options", draw(st.sampled_from([None, {}, {"include_usage": False}, {"x": 1}])))
        )
    space = draw(st.sampled_from([b"", b" ", b"\n\t ", b"\r\n"]))
    pairs = [
        orjson.dumps(k) + space + b":" + space + orjson.dumps(v) for k, v in draw(st.permutations(fields))
    ]
    return space + b"{" + space + (space + b"," + space).join(pairs) + space + b"}" + space


@given(bodies())
def test_rewriting_changes_the_model_and_the_usage_wish_and_nothing_else(body: bytes) -> None:
    request = read_small_request(CHAT, body, depth_max=200)
    assert isinstance(request, ModelRequest)
    before, after = orjson.loads(body), orjson.loads(request.for_channel("other"))
    expected = {**before, "model": "other"}
    if request.stream:
        expected["stream_options"] = {**(before.get("stream_options") or {}), "include_usage": True}
    assert after == expected
    if not request.stream:
        assert request.for_channel(request.model) is body, "not a byte is touched without need"


@given(bodies())
def test_skimming_finds_what_parsing_finds(body: bytes) -> None:
    assert [span for span in skim(body, depth_max=200) if span is not None] == list(spans_of(body))


@given(bodies(), st.integers(1, 9), st.integers(1, 9), st.integers(1, 200))
def test_skimming_does_not_depend_on_how_far_it_looks_at_once(
    body: bytes, window: int, string_window: int, units: int
) -> None:
    expected = list(spans_of(body))
    with (
        patch.object(skim_module, "_WINDOW_BYTES", window),
        patch.object(skim_module, "_STRING_WINDOW_BYTES", string_window),
        patch.object(skim_module, "_SHORT_BYTES", string_window),
        patch.object(skim_module, "_PAUSE_UNITS", units),
    ):
        assert [span for span in skim(body, depth_max=200) if span is not None] == expected


@given(st.lists(st.sampled_from([b"\\\\", b'\\"', b"x", b"\\n"]), max_size=20), st.integers(1, 5))
def test_skimming_finds_the_end_of_a_string_whatever_is_escaped_in_it(
    parts: list[bytes], window: int
) -> None:
    body = b'{"a":["' + b"".join(parts) + b'"],"b":"' + b"".join(parts) + b'"}'
    with patch.object(skim_module, "_STRING_WINDOW_BYTES", window):
        assert [span for span in skim(body, depth_max=9) if span is not None] == list(spans_of(body))


@given(bodies(), st.integers(0, 400), st.sampled_from([b"", b"{", b"}", b"[", b'"', b",", b":", b"x", b"\\"]))
def test_skimming_damaged_text_ends_in_spans_or_a_clear_error(body: bytes, at: int, put: bytes) -> None:
    at %= len(body)
    damaged = body[:at] + put + body[at + 1 :]
    spans, said = list[Span](), "nothing"
    try:
        spans += [span for span in skim(damaged, depth_max=200) if span is not None]
    except BadBody as error:
        said = str(error)
    assert said
    assert all(span.start <= span.end <= len(damaged) for span in spans)


@given(bodies(), st.sets(KEYS, max_size=3))
def test_members_are_taken_out_and_the_others_stay(body: bytes, names: set[str]) -> None:
    left, spans = without(body, spans_of(body), names)
    assert orjson.loads(left) == {k: v for k, v in orjson.loads(body).items() if k not in names}
    assert [left[s.start : s.end] for s in spans] == [left[s.start : s.end] for s in spans_of(left)]


NAMES = st.sampled_from(
    [
        "choices",
        "delta",
        "index",
        "finish_reason",
        "usage",
        "type",
        "response",
        "output",
        "status",
        "error",
        "message",
        "content",
        "content_block",
        "prompt_tokens",
        "input_tokens",
        "output_tokens_details",
        "id",
        "stop_reason",
        "data",
    ]
)
WORDS = st.sampled_from(
    [
        "response.completed",
        "response.failed",
        "message_start",
        "message_delta",
        "message_stop",
        "content_block_start",
        "content_block_delta",
        "error",
        "incomplete",
        "stop",
        "text",
    ]
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=3) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)
ENDPOINTS = st.sampled_from([endpoint for endpoint in Endpoint if endpoint is not Endpoint.OPAQUE])


@given(ENDPOINTS, ODD)
def test_any_whole_answer_is_one_or_is_hollow(endpoint: Endpoint, payload: Any) -> None:
    body = orjson.dumps(payload)
    assert isinstance(read_answer(endpoint, 200, {}, body), Whole | Hollow)
    assert isinstance(read_opaque(body), Whole)


@given(ENDPOINTS, st.lists(ODD, max_size=6), st.booleans())
def test_any_stream_ends_in_an_answer_or_a_fault(
    endpoint: Endpoint, payloads: list[Any], strip: bool
) -> None:
    watch = StreamWatch(endpoint, status=200, content_type="", strip_usage=strip)
    for payload in payloads:
        watch.feed(b"data: " + orjson.dumps(payload) + b"\n\n")
        if watch.fault is not None:
            break
    else:
        watch.end()
    assert watch.complete == (watch.fault is None)
    assert 0 <= watch.usage.input_tokens + watch.usage.output_tokens <= 10**13


@given(JSON)
def test_depth_is_the_most_brackets_open_at_once(value: Any) -> None:
    def depth(value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    body = {"a": value}
    assert is_deeper(body, depth(body)) is False
    assert depth(body) == 1 or is_deeper(body, depth(body) - 1) is True


@given(
    st.lists(st.sampled_from([b";base64,", b'"', b"x" * 7, b";base", b"64,", b"y" * 1_048_570]), max_size=8)
)
def test_the_estimate_is_the_same_in_steps(parts: list[bytes]) -> None:
    body = b"".join(parts)
    assert asyncio.run(in_turns(tokens_in_steps(body))) == tokens_in(body)


@given(
    st.lists(st.sampled_from([b"--B", b"\r\n", b"\r\n--B", b"x", b"\r\n\r\n"]), max_size=25),
    st.integers(8, 20),
)
def test_a_form_does_not_depend_on_how_far_is_looked_at_once(parts: list[bytes], window: int) -> None:
    head = b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
    body = head + b"m" + b"".join(parts) + b"\r\n--B\r\n"
    kind = "multipart/form-data; boundary=B"
    expected = asyncio.run(in_turns(read_form(body, kind)))
    with patch.object(forms_module, "_WINDOW_BYTES", window):
        assert asyncio.run(in_turns(read_form(body, kind))) == expected
    assert expected is not None
    assert expected.model is not None


PARTS = st.sampled_from(
    [b"--B", b"\r\n", b"--", b"x", b'Content-Disposition: form-data; name="model"', b"\r\n\r\n"]
)


@given(st.lists(PARTS, max_size=25), st.binary(max_size=5))
def test_any_form_is_passed_on_with_no_other_byte_changed(parts: list[bytes], more: bytes) -> None:
    body = b"".join(parts) + more
    opaque = Call(Endpoint.OPAQUE, "/files")
    kind = "multipart/form-data; boundary=B"
    request = asyncio.run(read_opaque_request(opaque, "POST", body, kind, RouteName("home"), depth_max=9))
    assert not isinstance(request, ErrorAnswer)
    if request.body_model is None:
        assert request.for_channel("up") is body
    else:
        sent = request.for_channel("\x00UP\x00")
        assert sent != body
        again = asyncio.run(read_opaque_request(opaque, "POST", sent, kind, RouteName("home"), depth_max=9))
        assert isinstance(again, ModelRequest)
        assert again.model == "\x00UP\x00"
