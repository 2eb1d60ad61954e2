"""Answers of the gateway's own when a request cannot be served: complete error objects in the caller's dialect."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from foreroute.core.channel import Dialect
from foreroute.core.failure import FailureClass, FailureEvidence

_PATIENCE_S: Final = 60.0
_ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    retry_after_s: float | None = None
    final: bool = False
    """Trying again is of no use: the official clients are told not to."""

    def body(self, dialect: Dialect = Dialect.OPENAI, request_id: str | None = None) -> bytes:
        return orjson.dumps(self._object(dialect, request_id))

    def event(
        self, dialect: Dialect = Dialect.OPENAI, request_id: str | None = None, *, typed: bool = False
    ) -> bytes:
        """The same as an event of a stream that has begun; the official clients raise on it.

        `typed` is for streams whose events name their type (OpenAI's Responses).
        """
        payload = self._object(dialect, request_id)
        if typed:
            payload = {
                "type": "error",
                "code": self.code,
                "message": self.message,
                "param": self.param,
                **payload,
            }
        head = b"event: error\n" if typed or dialect is Dialect.ANTHROPIC else b""
        return head + b"data: " + orjson.dumps(payload) + b"\n\n"

    def _object(self, dialect: Dialect, request_id: str | None) -> dict[str, Any]:
        if dialect is Dialect.ANTHROPIC:
            kind = _ANTHROPIC_TYPES.get(self.status, "api_error")
            error = {"type": kind, "message": self.message}
            return {"type": "error", "error": error, "request_id": request_id}
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(b"content-type", b"application/json")]
        if self.retry_after_s is not None:
            headers += wait_headers(self.retry_after_s)
        if self.final:
            headers.append((b"x-should-retry", b"false"))
        return headers


def wait_headers(wait_s: float) -> list[tuple[bytes, bytes]]:
    """Both forms that the official clients read: whole seconds, rounded up, and milliseconds."""
    return [
        (b"retry-after", b"%d" % max(1, math.ceil(wait_s))),
        (b"retry-after-ms", b"%d" % max(1, math.ceil(wait_s * 1000))),
    ]


def unknown_model(model: str) -> ErrorAnswer:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return ErrorAnswer(status=404, message=message, param="model", code="model_not_found")


def no_match(model: str, dialect: Dialect) -> ErrorAnswer:
    message = (
        f"No channel of `{model}` fits this request: it must speak the {dialect.value} format and meet what "
        "`provider` asks for."
    )
    return ErrorAnswer(status=400, message=message, param="model", code="no_matching_channel", final=True)


def must_stay(model: str, regions: Sequence[str]) -> ErrorAnswer:
    """The request may be served in some regions only, and none of them has a channel for it."""
    where = ", ".join(regions) or "no region at all: its route, key, team and tags have none in common"
    message = f"No channel of `{model}` may serve this request: it has to stay in {where}."
    return ErrorAnswer(
        status=403, type="permission_error", message=message, param="model", code="residency", final=True
    )


def upstream_said(status: int, evidence: FailureEvidence) -> ErrorAnswer:
    """A channel's own refusal, for a client whose answer has begun already. Its text is masked."""
    return ErrorAnswer(
        status=status,
        message=evidence.message,
        type=evidence.error_type or "invalid_request_error",
        code=evidence.error_code or None,
    )


def wrong_key() -> ErrorAnswer:
    message = "The API key is missing or wrong. Send it as `Authorization: Bearer <key>`."
    return ErrorAnswer(status=401, message=message, code="invalid_api_key")


def closed_key(reason: str) -> ErrorAnswer:
    return ErrorAnswer(status=401, message=f"The API key is {reason}.", code="invalid_api_key", final=True)


def wrong_role() -> ErrorAnswer:
    message = "This key opens the admin API, not the models. Make one with the role `call`."
    return ErrorAnswer(status=403, message=message, type="permission_error", code="wrong_role", final=True)


def shared_objects() -> ErrorAnswer:
    message = (
        "This path reaches files, batches and answers that all keys of the gateway share, so a virtual key does not "
        "open it. Use a key of the configuration."
    )
    return ErrorAnswer(
        status=403, message=message, type="permission_error", code="shared_objects", final=True
    )


def over_limit(message: str, wait_s: float | None) -> ErrorAnswer:
    """A limit of the caller's key or team."""
    return ErrorAnswer(
        status=429,
        message=message,
        type="rate_limit_error",
        code="rate_limit_exceeded",
        retry_after_s=1.0 if wait_s is None else wait_s,
    )


def over_budget(message: str, wait_s: float | None) -> ErrorAnswer:
    return ErrorAnswer(
        status=429,
        message=message,
        type="insufficient_quota",
        code="budget_exceeded",
        retry_after_s=wait_s,
        final=wait_s is None or wait_s > _PATIENCE_S,
    )


def payment_required(message: str, wait_s: float | None) -> ErrorAnswer:
    """A budget is spent whose owner wants no waiting. `wait_s`: only what others have reserved stands in the way."""
    return ErrorAnswer(
        status=402,
        message=message,
        type="insufficient_quota",
        code="budget_exceeded",
        retry_after_s=wait_s,
        final=wait_s is None,
    )


def unpriced(message: str) -> ErrorAnswer:
    return ErrorAnswer(status=400, message=message, param="model", code="unpriced_model", final=True)


def budget_cut() -> ErrorAnswer:
    """Sent inside a stream."""
    message = "The answer was cut off: its budget has nothing left. What was received is incomplete."
    return ErrorAnswer(status=429, message=message, type="insufficient_quota", code="budget_exceeded")


def accounts_unavailable() -> ErrorAnswer:
    return ErrorAnswer(
        status=503,
        message="The accounts cannot be read, so no budget can be checked. The request may be sent again.",
        type="server_error",
        code="accounts_unavailable",
        retry_after_s=1.0,
    )


def compressed(coding: str) -> ErrorAnswer:
    """What is small on the wire may be endless in memory, so nothing is unpacked."""
    message = f"The body is compressed ({coding[:40]}) and nothing is unpacked here. Send it without content-encoding."
    return ErrorAnswer(status=415, message=message, code="unsupported_content_encoding")


def too_large(limit: int) -> ErrorAnswer:
    message = f"The request body is larger than the limit of {limit} bytes."
    return ErrorAnswer(status=413, message=message, code="request_too_large")


def unknown_path(method: str, path: str) -> ErrorAnswer:
    return ErrorAnswer(status=404, message=f"Unknown request URL: {method} {path}.", code="unknown_url")


def wrong_method(method: str, path: str) -> ErrorAnswer:
    return ErrorAnswer(status=405, message=f"{method} is not allowed on {path}.", code="method_not_allowed")


def internal_error(request_id: str) -> ErrorAnswer:
    message = f"The gateway failed on this request ({request_id}). The request may be sent again."
    return ErrorAnswer(status=500, message=message, type="server_error", code="internal_error")


def busy(model: str, wait_s: float | None) -> ErrorAnswer:
    """No channel may be asked now: all are at a limit or have asked for a pause."""
    return ErrorAnswer(
        status=429,
        message=f"Every channel of `{model}` is at its limit. Try again after the time in `retry-after`.",
        type="rate_limit_error",
        code="rate_limit_exceeded",
        retry_after_s=1.0 if wait_s is None else wait_s,
    )


def unavailable(model: str, wait_s: float | None) -> ErrorAnswer:
    return ErrorAnswer(
        status=503,
        message=f"No channel of `{model}` is available.",
        type="server_error",
        code="no_channel_available",
        retry_after_s=1.0 if wait_s is None else wait_s,
    )


_TIMEOUTS = frozenset({FailureClass.TIMEOUT_CONNECT, FailureClass.TIMEOUT_READ})


def all_failed(
    model: str, failure: FailureClass, wait_s: float | None, *, final: bool = False
) -> ErrorAnswer:
    """What the client is told after the last attempt. A channel's own key trouble is not the client's 401.

    `final`: every channel will fail until somebody changes something, so the client need not hurry back.
    """
    if failure is FailureClass.RATE_LIMITED:
        return busy(model, wait_s)
    return ErrorAnswer(
        status=504 if failure in _TIMEOUTS else 503,
        message=f"Every attempt to serve `{model}` failed; the last one with {failure.value}.",
        type="server_error",
        code="upstream_timeout" if failure in _TIMEOUTS else "upstream_unavailable",
        retry_after_s=None if final else wait_s,
        final=final,
    )


def interrupted(failure: FailureClass, detail: str) -> ErrorAnswer:
    """Sent inside a stream whose beginning the client already has. `detail` is masked already."""
    return ErrorAnswer(
        status=502,
        message=f"The answer broke off before its end: {detail}. What was received is incomplete.",
        type="server_error",
        code=failure.value,
    )
