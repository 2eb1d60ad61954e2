"""What a simulated channel says, in the words that real providers use: a gateway classifies them as it does theirs."""

import math
from dataclasses import dataclass, replace
from typing import Final

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.failure import FailureEvidence, Phase
from foreroute.simulate.faults import Breakdown, ErrorBurst
from foreroute.simulate.limits import LimitsLeft


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer as it would come to a caller with endless patience. Seconds from the start of the attempt."""

    ends_s: float
    """When the answer or the error is there; infinity: never."""
    first_chunk_s: float = math.inf
    """When the first token comes; infinity: none does."""
    evidence: FailureEvidence | None = None
    """Why there is no (whole) answer; None: there is one."""
    usage: Usage = NO_USAGE
    """What is billed."""
    limits: LimitsLeft | None = None

    @property
    def succeeds(self) -> bool:
        return self.evidence is None

    @property
    def has_spoken(self) -> bool:
        """Whether the client has seen content, so that no other channel can take over."""
        return self.first_chunk_s < self.ends_s


INTERNAL: Final = FailureEvidence(
    phase=Phase.HEADERS,
    status=500,
    error_type="server_error",
    error_code="internal_error",
    message="The server had an error while processing your request",
)
OVERLOADED: Final = FailureEvidence(
    phase=Phase.HEADERS,
    status=503,
    error_type="overloaded_error",
    error_code="overloaded",
    message="The server is overloaded, please try again later",
)
DOWN: Final = FailureEvidence(
    phase=Phase.HEADERS, status=503, error_code="unavailable", message="Service unavailable"
)
REFUSED: Final = FailureEvidence(
    phase=Phase.CONNECT, message="connection refused", exception_chain=(("ClientConnectorError", "refused"),)
)
UNREACHABLE: Final = FailureEvidence(phase=Phase.CONNECT, message="connecting took too long")
SILENT: Final = FailureEvidence(phase=Phase.HEADERS, message="no data in time while waiting for the headers")
STALLED: Final = FailureEvidence(
    phase=Phase.STREAM, status=200, message="no data in time while waiting for the stream"
)
CUT: Final = FailureEvidence(
    phase=Phase.STREAM,
    status=200,
    message="response payload is not completed",
    exception_chain=(("ClientPayloadError", "response payload is not completed"),),
)
RESET: Final = FailureEvidence(
    phase=Phase.HEADERS, message="connection reset", exception_chain=(("ConnectionResetError", "reset"),)
)
HOLLOW: Final = FailureEvidence(
    phase=Phase.FIRST_CHUNK,
    status=200,
    error_code="malformed_response",
    message="the answer has no choices",
    content_type="application/json",
)
LOADING: Final = FailureEvidence(
    phase=Phase.HEADERS,
    status=503,
    message="Model is currently loading",
    retry_after_s=20.0,
)
BREAKDOWNS: Final = {
    Breakdown.REFUSED: REFUSED,
    Breakdown.UNREACHABLE: UNREACHABLE,
    Breakdown.SILENT: SILENT,
    Breakdown.ERROR: DOWN,
}


def throttled(retry_after_s: float) -> FailureEvidence:
    return FailureEvidence(
        phase=Phase.HEADERS,
        status=429,
        error_type="requests",
        error_code="rate_limit_exceeded",
        message="Rate limit reached, please try again later",
        retry_after_s=max(1.0, float(math.ceil(retry_after_s))),
    )


def quota_spent() -> FailureEvidence:
    return FailureEvidence(
        phase=Phase.HEADERS,
        status=429,
        error_type="insufficient_quota",
        error_code="insufficient_quota",
        message="You exceeded your current quota, please check your plan and billing details",
    )


def said_by(burst: ErrorBurst) -> FailureEvidence:
    return FailureEvidence(
        phase=Phase.HEADERS,
        status=burst.status,
        error_code=burst.code,
        message=burst.message,
        retry_after_s=burst.retry_after_s,
    )


def broken_off(reply: Reply, after_s: float) -> Reply:
    """The same answer if its connection is cut after a while: what has come by then is billed."""
    if after_s >= reply.ends_s:
        return reply
    if after_s <= reply.first_chunk_s:
        return replace(
            reply,
            ends_s=after_s,
            first_chunk_s=math.inf,
            evidence=RESET,
            usage=Usage(reply.usage.input_tokens),
        )
    share = (after_s - reply.first_chunk_s) / (reply.ends_s - reply.first_chunk_s)
    usage = Usage(reply.usage.input_tokens, output_tokens=int(share * reply.usage.output_tokens))
    return replace(reply, ends_s=after_s, evidence=CUT, usage=usage)
