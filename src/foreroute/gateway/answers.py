"""The OpenAI wire format, answer side: is this an answer at all, and what did it use?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.failure import FailureEvidence, Phase
from foreroute.gateway.evidence import error_fields
from foreroute.gateway.openai import Endpoint


def usage_of(payload: Any) -> Usage:
    """Tokens in disjoint buckets: OpenAI counts cached and cache-written tokens inside the prompt's."""
    if not isinstance(payload, dict):
        return NO_USAGE
    prompt = _details(payload, "prompt_tokens_details")
    cached, written = _count(prompt, "cached_tokens"), _count(prompt, "cache_write_tokens")
    return Usage(
        input_tokens=max(0, _count(payload, "prompt_tokens") - cached - written),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=_count(payload, "completion_tokens"),
        reasoning_tokens=_count(_details(payload, "completion_tokens_details"), "reasoning_tokens"),
    )


@dataclass(frozen=True, slots=True)
class Hollow:
    """A 200 that is no answer, with what it was instead."""

    evidence: FailureEvidence


def read_answer(endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes) -> Usage | Hollow:
    """The usage of a whole answer, or why it is none: HTML, empty, cut, an error inside, no choices."""
    content_type = headers.get("content-type", "")
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        what = "empty body" if not body.strip() else f"not JSON: {error.msg}"
        return Hollow(_evidence(status, content_type, f"status {status} with {what}"))
    if not isinstance(payload, dict):
        return Hollow(_evidence(status, content_type, "the answer is not an object"))
    if payload.get("error"):
        return Hollow(error_evidence(payload, status, content_type, Phase.FIRST_CHUNK))
    key = "data" if endpoint is Endpoint.EMBEDDINGS else "choices"
    if not isinstance(payload.get(key), list) or not payload[key]:
        return Hollow(_evidence(status, content_type, f"the answer has no {key}"))
    return usage_of(payload.get("usage"))


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


def _evidence(status: int, content_type: str, message: str) -> FailureEvidence:
    return FailureEvidence(
        phase=Phase.FIRST_CHUNK,
        status=status,
        error_code="malformed_response",
        message=message,
        content_type=content_type,
    )


def _count(payload: Mapping[str, Any], key: str) -> int:
    value = payload.get(key)
    return value if isinstance(value, int) and value > 0 else 0


def _details(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = payload.get(key)
    return value if isinstance(value, dict) else {}
