"""The answer that is not streamed: is this an answer at all, and what did it use?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.failure import FailureEvidence, Phase
from foreroute.gateway.wire.evidence import error_fields
from foreroute.gateway.wire.opaque import opaque_usage
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.units import searched, tier_of, usage_of

_CONTENT: Final = {
    Endpoint.CHAT: "choices",
    Endpoint.COMPLETIONS: "choices",
    Endpoint.EMBEDDINGS: "data",
    Endpoint.RESPONSES: "output",
    Endpoint.MESSAGES: "content",
    Endpoint.COUNT_TOKENS: "input_tokens",
}
"""Where each answer keeps what was asked for."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer as it should be."""

    usage: Usage
    answer_id: str | None
    tier: str = ""
    """The service tier that answered; empty: it does not say."""


@dataclass(frozen=True, slots=True)
class Hollow:
    """A 200 that is no answer, with what it was instead."""

    evidence: FailureEvidence


def read_answer(endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes) -> Whole | Hollow:
    """What a whole answer used, or why it is none: HTML, empty, cut, an error inside, no content."""
    content_type = headers.get("content-type", "")
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        what = "empty body" if not body.strip() else f"not JSON: {error.msg}"
        return Hollow(_evidence(status, content_type, f"status {status} with {what}"))
    if not isinstance(payload, dict):
        return Hollow(_evidence(status, content_type, "the answer is not an object"))
    if payload.get("error") or payload.get("type") == "error":
        return Hollow(error_evidence(payload, status, content_type, Phase.FIRST_CHUNK))
    key = _CONTENT[endpoint]
    content = payload.get(key)
    has_content = bool(content) and isinstance(content, int if endpoint is Endpoint.COUNT_TOKENS else list)
    if not has_content and not _ends_empty(endpoint, payload):
        return Hollow(_evidence(status, content_type, f"the answer has no {key}"))
    answer_id = payload.get("id")
    usage = searched(usage_of(endpoint, payload.get("usage")), payload)
    return Whole(usage, answer_id if isinstance(answer_id, str) else None, tier_of(payload))


def read_opaque(body: bytes) -> Whole:
    """Usage and id of an answer that is not understood, where it has them in the usual places."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    if not isinstance(payload, dict):
        return Whole(NO_USAGE, None)
    answer_id = payload.get("id")
    return Whole(opaque_usage(payload), answer_id if isinstance(answer_id, str) else None, tier_of(payload))


def error_evidence(payload: Any, status: int, content_type: str, phase: Phase) -> FailureEvidence:
    """An error object inside a 200."""
    kind, code, message = error_fields(payload)
    return FailureEvidence(
        phase=phase,
        status=status,
        error_type=kind,
        error_code=code,
        message=message or "an error inside the answer",
        content_type=content_type,
    )


def _ends_empty(endpoint: Endpoint, payload: Mapping[str, Any]) -> bool:
    """An answer without content that says why it has none, and is billed: Anthropic may stop before the first word,
    a response may spend all its tokens on thinking, a background one has only begun.
    """
    match endpoint:
        case Endpoint.MESSAGES:
            return payload.get("content") == [] and bool(payload.get("stop_reason"))
        case Endpoint.RESPONSES:
            return payload.get("status") in ("incomplete", "queued", "in_progress")
        case Endpoint.COUNT_TOKENS:
            return payload.get("input_tokens") == 0
        case _:
            return False


def _evidence(status: int, content_type: str, message: str) -> FailureEvidence:
    return FailureEvidence(
        phase=Phase.FIRST_CHUNK,
        status=status,
        error_code="malformed_response",
        message=message,
        content_type=content_type,
    )
