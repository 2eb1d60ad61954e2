"""Evidence of a failed attempt, gathered where it is still complete. Secrets never leave this module."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from foreroute.core.failure import FailureEvidence, Phase

BODY_HEAD_BYTES: Final = 2048
_MESSAGE_CHARS: Final = 500
_CHAIN_MAX: Final = 4
_SAID: Final = re.compile(
    r"(?i)(?:try|retry)(?:ing)?(?: again)?(?: in| after)\s+(?P<wait>\d[\d.]*\s?[a-z]*(?:\s?\d[\d.]*\s?[a-z]+)*)"
)
"""`Please try again in 6m0s`, `retry after 20 seconds`."""
_TOLD: Final = re.compile(r'"retryDelay"\s*:\s*"(?P<wait>\d[\d.]*s)"')
"""Google's `RetryInfo`."""
_PART: Final = re.compile(r"(?i)(\d+(?:\.\d+)?)\s?(ms|milli|s|m|h)?")
_UNITS_S: Final = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_THROTTLED: Final = 429
_SECRET: Final = re.compile(
    r"(?i)(bearer\s+|api[-_ ]?key['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]+|\b(?:sk|pk|gsk|xai|key)-[\w*-]{6,}|\bAIza[\w-]{10,}"
)


def mask(text: str) -> str:
    """The text without anything that looks like a key or a token."""
    return _SECRET.sub(lambda match: f"{match.group(1) or ''}***", text)


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """How long the channel asked to be left alone: `retry-after-ms`, or `Retry-After` (RFC 9110 §10.2.3)."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if (value := headers.get(name)) is None:
            continue
        try:
            return max(0.0, float(value) * scale)
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - now)
        except ValueError:
            continue
    return None


def said_wait_s(text: str) -> float | None:
    """The wait that an error's own words ask for, as OpenAI's, Azure's and Google's do; None: they ask for none."""
    found = _TOLD.search(text) or _SAID.search(text)
    if found is None:
        return None
    parts = _PART.findall(found["wait"])
    return sum(float(number) * _UNITS_S[unit.lower()] for number, unit in parts)


def exception_evidence(error: BaseException, phase: Phase, message: str = "") -> FailureEvidence:
    """What an exception and its causes say, outermost first."""
    chain: list[tuple[str, str]] = []
    link: BaseException | None = error
    while link is not None and len(chain) < _CHAIN_MAX:
        chain.append((type(link).__name__, mask(str(link))[:200]))
        link = link.__cause__ or link.__context__
    head = message or mask(str(error)) or type(error).__name__
    return FailureEvidence(phase=phase, message=head[:_MESSAGE_CHARS], exception_chain=tuple(chain))


def error_fields(payload: Any) -> tuple[str, str, str]:
    """(type, code, message) of a provider's error body in any of the usual shapes; empty where absent."""
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, dict):
        return "", "", ""
    error = payload.get("error", payload)
    if isinstance(error, str):
        return "", "", mask(error)[:_MESSAGE_CHARS]
    if not isinstance(error, dict):
        return "", "", ""
    message = error.get("message") or error.get("detail") or ""
    return (
        _text(error.get("type") or error.get("status")),
        _text(error.get("code")),
        mask(message if isinstance(message, str) else str(message))[:_MESSAGE_CHARS],
    )


def answer_evidence(status: int, headers: Mapping[str, str], body: bytes, now: float) -> FailureEvidence:
    """What an error answer (a status that is not 2xx) says."""
    try:
        kind, code, message = error_fields(orjson.loads(body))
    except orjson.JSONDecodeError:
        kind, code, message = "", "", ""
    head = mask(body[:BODY_HEAD_BYTES].decode("utf-8", "replace"))
    wait_s = retry_after_s(headers, now)
    if wait_s is None and status == _THROTTLED:
        wait_s = said_wait_s(head)
    return FailureEvidence(
        phase=Phase.HEADERS,
        status=status,
        error_type=kind,
        error_code=code,
        message=message or f"HTTP {status}",
        content_type=headers.get("content-type", ""),
        body_head=head,
        retry_after_s=wait_s,
    )


def _text(value: Any) -> str:
    return "" if value is None else mask(str(value))[:100]
