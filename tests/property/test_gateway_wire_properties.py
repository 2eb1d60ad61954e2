"""On the wire: chunking changes nothing, and rewriting changes nothing else."""

import itertools
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.request import ModelRequest, read_small_request
from foreroute.gateway.wire.spans import BadJson, Span, skim, spans_of, without
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
    assert [span for span in skim(body) if span is not None] == list(spans_of(body))


@given(bodies(), st.integers(0, 400), st.sampled_from([b"", b"{", b"}", b"[", b'"', b",", b":", b"x", b"\\"]))
def test_skimming_damaged_text_ends_in_spans_or_a_clear_error(body: bytes, at: int, put: bytes) -> None:
    at %= len(body)
    damaged = body[:at] + put + body[at + 1 :]
    try:
        spans = [span for span in skim(damaged) if span is not None]
    except BadJson as error:
        assert str(error)
        return
    assert all(isinstance(span, Span) and span.start <= span.end <= len(damaged) for span in spans)


@given(bodies(), st.sets(KEYS, max_size=3))
def test_members_are_taken_out_and_the_others_stay(body: bytes, names: set[str]) -> None:
    left, spans = without(body, tuple(spans_of(body)), names)
    assert orjson.loads(left) == {k: v for k, v in orjson.loads(body).items() if k not in names}
    assert [left[s.start : s.end] for s in spans] == [left[s.start : s.end] for s in spans_of(left)]
