"""Answers of an odd shape are no defect of ours: they end in an answer, a hollow one or a fault."""

import pytest

from foreroute.core.attempt import NO_USAGE
from foreroute.gateway.wire.answers import Hollow, read_answer
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.units import chat_usage
from foreroute.gateway.wire.watch import StreamWatch


@pytest.mark.parametrize(
    ("endpoint", "event"),
    [
        (Endpoint.CHAT, b'{"choices":5}'),
        (Endpoint.CHAT, b'{"choices":[{"index":[1],"delta":{"content":"x"}}]}'),
        (Endpoint.CHAT, b'{"choices":[5,{"delta":["x"]}],"usage":[7]}'),
        (Endpoint.RESPONSES, b'{"type":[]}'),
        (Endpoint.RESPONSES, b'{"type":{}}'),
        (Endpoint.MESSAGES, b'{"type":[],"delta":5}'),
    ],
)
def test_events(endpoint: Endpoint, event: bytes) -> None:
    watch = StreamWatch(endpoint, status=200, content_type="", strip_usage=True)
    watch.feed(b"data: " + event + b"\n\n")
    watch.end()
    assert watch.fault is not None


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (Endpoint.RESPONSES, b'{"status":[]}'),
        (Endpoint.RESPONSES, b'{"status":{},"output":5}'),
        (Endpoint.CHAT, b'{"choices":5}'),
        (Endpoint.CHAT, b'{"choices":"yes"}'),
        (Endpoint.EMBEDDINGS, b'{"data":{"a":1}}'),
        (Endpoint.MESSAGES, b'{"content":true}'),
        (Endpoint.COUNT_TOKENS, b'{"input_tokens":[1]}'),
    ],
)
def test_whole_answers_without_content_in_its_place_are_none(endpoint: Endpoint, body: bytes) -> None:
    assert isinstance(read_answer(endpoint, 200, {}, body), Hollow)


@pytest.mark.parametrize("count", [True, 10**12 + 1, 2**64 - 1, 1e30])
def test_counts_that_cannot_be_are_none(count: object) -> None:
    assert chat_usage({"prompt_tokens": count, "completion_tokens": count}) == NO_USAGE


def test_a_report_of_an_odd_shape_does_not_replace_the_estimate() -> None:
    watch = StreamWatch(Endpoint.CHAT, status=200, content_type="", strip_usage=True, input_tokens=9)
    watch.feed(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":[5]}\n\n')
    assert (watch.usage.input_tokens, watch.usage.output_tokens) == (9, 1)
