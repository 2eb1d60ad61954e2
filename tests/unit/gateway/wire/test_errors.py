"""The gateway's own errors: complete in both dialects, whole and as events."""

from typing import Any

import orjson
import pytest

from foreroute.core.channel import Dialect
from foreroute.core.failure import FailureClass, FailureEvidence, Phase
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer

ALL = [
    errors.unknown_model("m"),
    errors.no_match("m", Dialect.ANTHROPIC),
    errors.wrong_key(),
    errors.too_large(9),
    errors.unknown_path("GET", "/x"),
    errors.wrong_method("PUT", "/x"),
    errors.internal_error("r"),
    errors.busy("m", 2.5),
    errors.unavailable("m", None),
    errors.all_failed("m", FailureClass.SERVER_ERROR, None),
    errors.all_failed("m", FailureClass.TIMEOUT_READ, None),
    errors.interrupted(FailureClass.STREAM_INTERRUPTED, "cut"),
    errors.upstream_said(422, FailureEvidence(phase=Phase.HEADERS, message="no")),
]
EACH = pytest.mark.parametrize("answer", ALL, ids=lambda answer: f"{answer.status}-{answer.code}")


def data_in(event: bytes) -> Any:
    assert event.endswith(b"\n\n")
    lines = event.rstrip(b"\n").split(b"\n")
    assert len(lines) <= 2, "one event, one data line"
    return orjson.loads(lines[-1].removeprefix(b"data: "))


@EACH
def test_openais_object_has_all_its_keys(answer: ErrorAnswer) -> None:
    error = orjson.loads(answer.body())["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert isinstance(error["code"], str | None)
    event = answer.event()
    assert event.startswith(b"data: "), "no name: the official client looks at the data"
    assert data_in(event) == {"error": error}


@EACH
def test_anthropics_object_has_all_its_keys(answer: ErrorAnswer) -> None:
    payload = orjson.loads(answer.body(Dialect.ANTHROPIC, "req_1"))
    assert (payload["type"], payload["request_id"]) == ("error", "req_1")
    assert set(payload["error"]) == {"type", "message"}
    assert payload["error"]["type"].endswith("_error") or payload["error"]["type"] == "request_too_large"
    event = answer.event(Dialect.ANTHROPIC, "req_1")
    assert event.startswith(b"event: error\n")
    assert data_in(event) == payload


@EACH
def test_responses_events_name_their_type(answer: ErrorAnswer) -> None:
    event = answer.event(typed=True)
    assert event.startswith(b"event: error\n")
    payload = data_in(event)
    assert payload["type"] == "error"
    assert payload["message"] == payload["error"]["message"] == answer.message
    assert payload["code"] == payload["error"]["code"] == answer.code
    assert payload["error"]["type"] == answer.type, "the error's own type is not the event's"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (401, "authentication_error"), (403, "permission_error"), (404, "not_found_error"),
     (413, "request_too_large"), (429, "rate_limit_error"), (500, "api_error"), (502, "api_error"),
     (503, "overloaded_error"), (504, "timeout_error"), (418, "api_error")],
)  # fmt: skip
def test_anthropics_types_follow_the_status(status: int, kind: str) -> None:
    body = ErrorAnswer(status=status, message="m").body(Dialect.ANTHROPIC)
    assert orjson.loads(body)["error"]["type"] == kind


def test_when_to_come_back_is_said_twice_and_never_too_early() -> None:
    headers = dict(errors.busy("m", 2.0001).headers())
    assert (headers[b"retry-after"], headers[b"retry-after-ms"]) == (b"3", b"2001")
    assert dict(errors.busy("m", 0.0).headers())[b"retry-after"] == b"1", (
        "zero would be an invitation to hammer"
    )
    assert b"retry-after" not in dict(errors.all_failed("m", FailureClass.SERVER_ERROR, None).headers())
    assert dict(errors.unavailable("m", None).headers())[b"retry-after"] == b"1"


def test_clients_are_told_where_trying_again_is_of_no_use() -> None:
    assert dict(errors.no_match("m", Dialect.OPENAI).headers())[b"x-should-retry"] == b"false"
    assert b"x-should-retry" not in dict(errors.busy("m", 1.0).headers())


def test_a_limit_of_the_last_channel_is_a_429() -> None:
    answer = errors.all_failed("m", FailureClass.RATE_LIMITED, 4.0)
    assert (answer.status, answer.code, answer.retry_after_s) == (429, "rate_limit_exceeded", 4.0)
