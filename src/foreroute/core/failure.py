"""Why an attempt failed, in the words of the failure taxonomy, and what each class permits.

A failure is classified once, at the boundary where the evidence is complete; everything behind
reads the class. Families say who must act: nobody (transient), somebody (down until change),
another channel (request mismatch) or the caller (request fault).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FailureClass(StrEnum):
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_or_billing_exhausted"
    AUTHENTICATION = "authentication"
    PERMISSION_OR_REGION_DENIED = "permission_or_region_denied"
    MODEL_NOT_FOUND = "model_not_found_or_deprecated"
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    UNSUPPORTED_FEATURE = "unsupported_feature"
    INVALID_REQUEST = "invalid_request"
    CONTENT_FILTERED = "content_filtered"
    OVERLOADED = "overloaded_or_capacity"
    SERVER_ERROR = "server_error"
    TIMEOUT_CONNECT = "timeout_connect"
    TIMEOUT_READ = "timeout_read"
    CONNECTION_REFUSED_OR_RESET = "connection_refused_or_reset"
    DNS_FAILURE = "dns_failure"
    TLS_FAILURE = "tls_failure"
    STREAM_INTERRUPTED = "stream_interrupted"
    MALFORMED_RESPONSE = "malformed_response"
    COLD_START = "cold_start_or_loading"
    BACKEND_DEAD = "backend_dead_or_oom"
    NETWORK_UNSPECIFIED = "network_unspecified"
    UNKNOWN = "unknown"
    """Nothing names the cause well enough to act on a guess."""


class FailureFamily(StrEnum):
    TRANSIENT = "transient"
    DOWN_UNTIL_CHANGE = "down_until_change"
    REQUEST_MISMATCH = "request_mismatch"
    REQUEST_FAULT = "request_fault"


class Phase(StrEnum):
    """How far an attempt had come when it ended."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    SEND = "send"
    HEADERS = "headers"
    FIRST_CHUNK = "first_chunk"
    STREAM = "stream"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class FailureAdvice:
    """What a failure class permits. `failover` means: the same request may succeed on another channel."""

    family: FailureFamily
    failover: bool
    counts_against_channel: bool


_T, _D = FailureFamily.TRANSIENT, FailureFamily.DOWN_UNTIL_CHANGE
_M, _F = FailureFamily.REQUEST_MISMATCH, FailureFamily.REQUEST_FAULT

FAILURE_ADVICE: Final[dict[FailureClass, FailureAdvice]] = {
    FailureClass.RATE_LIMITED: FailureAdvice(_T, failover=True, counts_against_channel=False),
    FailureClass.QUOTA_EXHAUSTED: FailureAdvice(_D, failover=True, counts_against_channel=True),
    FailureClass.AUTHENTICATION: FailureAdvice(_D, failover=True, counts_against_channel=True),
    FailureClass.PERMISSION_OR_REGION_DENIED: FailureAdvice(_D, failover=True, counts_against_channel=True),
    FailureClass.MODEL_NOT_FOUND: FailureAdvice(_D, failover=True, counts_against_channel=True),
    FailureClass.CONTEXT_LENGTH_EXCEEDED: FailureAdvice(_M, failover=True, counts_against_channel=False),
    FailureClass.UNSUPPORTED_FEATURE: FailureAdvice(_M, failover=True, counts_against_channel=False),
    FailureClass.INVALID_REQUEST: FailureAdvice(_F, failover=False, counts_against_channel=False),
    FailureClass.CONTENT_FILTERED: FailureAdvice(_F, failover=False, counts_against_channel=False),
    FailureClass.OVERLOADED: FailureAdvice(_T, failover=True, counts_against_channel=True),
    FailureClass.SERVER_ERROR: FailureAdvice(_T, failover=True, counts_against_channel=True),
    FailureClass.TIMEOUT_CONNECT: FailureAdvice(_T, failover=True, counts_against_channel=True),
    FailureClass.TIMEOUT_READ: FailureAdvice(_T, failover=True, counts_against_channel=True),
    FailureClass.CONNECTION_REFUSED_OR_RESET: FailureAdvice(_T, failover=True, counts_against_channel=True),
    FailureClass.DNS_FAILURE: FailureAdvice(_T, failover=True, counts_against_channel=True),
    FailureClass.TLS_FAILURE: FailureAdvice(_D, failover=True, counts_against_channel=True),
    FailureClass.STREAM_INTERRUPTED: FailureAdvice(_T, failover=True, counts_against_channel=True),
    FailureClass.MALFORMED_RESPONSE: FailureAdvice(_T, failover=True, counts_against_channel=True),
    FailureClass.COLD_START: FailureAdvice(_T, failover=True, counts_against_channel=False),
    FailureClass.BACKEND_DEAD: FailureAdvice(_D, failover=True, counts_against_channel=True),
    FailureClass.NETWORK_UNSPECIFIED: FailureAdvice(_T, failover=True, counts_against_channel=True),
    FailureClass.UNKNOWN: FailureAdvice(_T, failover=True, counts_against_channel=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureEvidence:
    """Everything about a failed attempt that helps to name its cause, gathered at the boundary.

    `body_head` is at most 2 KiB of an *error* body, never of an answer, with secrets masked.
    """

    phase: Phase
    status: int | None = None
    error_type: str = ""
    error_code: str = ""
    message: str = ""
    content_type: str = ""
    body_head: str = ""
    exception_chain: tuple[tuple[str, str], ...] = ()
    """(class name, text) of the exception and its causes, outermost first, at most four."""
    retry_after_s: float | None = None
