import json
from typing import Any

import pytest

from foreroute.chaos.answer import Answer, Verdict, events, is_openai_error, read_stream, verdict_of
from foreroute.chaos.words import TEXT, WORDS, pieces

ERROR = {"error": {"message": "no", "type": "server_error", "param": None, "code": None}}


def event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    return data({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def data(payload: object) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


SAID = event({"role": "assistant"}) + b"".join(event({"content": piece}) for piece in pieces([]))
PART = event({"content": "Foul"}) + event({"content": " weather"})
END = event({}, "stop")
DONE = b"data: [DONE]\n\n"


def streamed(body: bytes, **more: Any) -> Verdict:
    return verdict_of(Answer(status=200, body=body, **more), stream=True)


def plain(payload: object, status: int = 200, **more: Any) -> Verdict:
    return verdict_of(Answer(status=status, body=json.dumps(payload).encode(), **more), stream=False)


def message(text: str, finish_reason: str | None = "stop") -> dict[str, object]:
    return {"choices": [{"message": {"content": text}, "finish_reason": finish_reason}]}


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (SAID + END + DONE, Verdict.COMPLETE),
        (SAID + END + data({"choices": [], "usage": {}}) + DONE, Verdict.COMPLETE),
        (b": ping\n\n" + SAID + END + DONE, Verdict.COMPLETE),
        (SAID, Verdict.LIED),
        (SAID + DONE, Verdict.LIED),
        (SAID + END, Verdict.LIED),
        (PART + END + DONE, Verdict.LIED),
        (SAID + SAID + END + DONE, Verdict.LIED),
        (b"", Verdict.LIED),
        (PART + data(ERROR), Verdict.TOLD),
        (data(ERROR), Verdict.TOLD),
        (PART + data(ERROR) + DONE, Verdict.NOTICED),
        (PART + END + data(ERROR), Verdict.NOTICED),
        (PART + data({"error": {"message": "no"}}), Verdict.NOTICED),
        (PART + data({"error": "no"}), Verdict.NOTICED),
        (PART + b"data: {broken\n\n" + END + DONE, Verdict.NOTICED),
    ],
)
def test_a_stream_is_judged_by_what_a_client_library_would_make_of_it(body: bytes, verdict: Verdict) -> None:
    assert streamed(body) is verdict


def test_a_connection_that_breaks_off_is_noticed_whatever_was_said() -> None:
    assert streamed(SAID + END + DONE, is_whole=False) is Verdict.NOTICED
    assert plain(message(TEXT), is_whole=False) is Verdict.NOTICED
    assert plain(message(TEXT), is_readable=False) is Verdict.NOTICED
    assert verdict_of(Answer(status=0, is_whole=False), stream=False) is Verdict.NOTICED


def test_an_answer_without_end_hangs() -> None:
    assert streamed(SAID, gave_up=True) is Verdict.HUNG


@pytest.mark.parametrize(
    ("payload", "status", "verdict"),
    [
        (message(TEXT), 200, Verdict.COMPLETE),
        (message(TEXT[:-1]), 200, Verdict.LIED),
        (message(TEXT, None), 200, Verdict.LIED),
        ({"choices": []}, 200, Verdict.LIED),
        ({"html-message": "<html>"}, 200, Verdict.LIED),
        ("<html>", 200, Verdict.NOTICED),
        (ERROR, 200, Verdict.NOTICED),
        (ERROR, 503, Verdict.TOLD),
        ({"status": "failure", "message": "no"}, 500, Verdict.NOTICED),
    ],
)
def test_a_plain_answer_is_judged_by_its_text_or_its_error(
    payload: object, status: int, verdict: Verdict
) -> None:
    assert plain(payload, status) is verdict


@pytest.mark.parametrize("missing", ["message", "type", "param", "code"])
def test_an_openai_error_has_all_its_keys(missing: str) -> None:
    assert is_openai_error(ERROR)
    assert not is_openai_error({"error": {k: v for k, v in ERROR["error"].items() if k != missing}})


def test_events_end_at_an_empty_line_and_lines_of_data_are_joined() -> None:
    assert events(b"event: x\r\ndata: a\r\ndata:b\r\n\r\n: c\n\ndata: cut off") == ["a\nb"]


def test_the_parts_of_a_stream_are_read() -> None:
    stream = read_stream(PART + END)
    assert (stream.text, stream.finish_reason, stream.is_done) == ("Foul weather", "stop", False)


def test_the_upstream_goes_on_where_an_assistant_was_cut_off() -> None:
    said = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "Foul weather is"}]
    assert "".join(pieces(said)) == TEXT.removeprefix("Foul weather is")
    assert len(pieces([])) == len(WORDS)
    assert pieces([{"role": "assistant", "content": "something else"}]) == pieces([])
