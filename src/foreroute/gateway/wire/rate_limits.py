"""What a channel's answer says of the channel's own limits, in the spellings of several providers.

OpenAI, Azure, Groq, xAI and others: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, resets as `6m0s`;
Cerebras, Fireworks and Mistral add the window (`-minute`, `-day`, `req-minute`); Anthropic:
`anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}`, resets as RFC 3339; OpenRouter, Together and the IETF's
draft (draft-ietf-httpapi-ratelimit-headers): without the kind. Of several windows the minute's is taken.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from foreroute.core.limits import RateLimits

_COUNT_MAX: Final = 10**12
_RESET_S_MAX: Final = 40 * 86_400.0
_EPOCH_S: Final = 10**9
"""A reset that is larger is an instant, in seconds or milliseconds of the epoch."""
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|s|m|h|d)")
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_MARKS: Final = ("ratelimit", "rate-limit", "tokenlimit")
_KINDS: Final = {
    "requests": ("requests-minute", "req-minute", "requests"),
    "tokens": ("tokens-minute", "tokens"),
}
_WORDS: Final = ("limit", "remaining", "reset")
_T = TypeVar("_T")


def _spellings(kind: str, word: str) -> tuple[str, ...]:
    found = [f"x-ratelimit-{word}-{name}" for name in _KINDS[kind]]
    found.append(f"anthropic-ratelimit-{kind}-{word}")
    if kind == "requests":
        found += [f"x-ratelimit-{word}", f"ratelimit-{word}", f"x-rate-limit-{word}"]
    else:
        found += [f"x-tokenlimit-{word}", f"ratelimitbysize-{word}", f"x-ratelimitbysize-{word}-minute"]
    return tuple(found)


_NAMES: Final = {(kind, word): _spellings(kind, word) for kind in _KINDS for word in _WORDS}


def read_rate_limits(headers: Mapping[str, str], now: float) -> RateLimits | None:
    """None where the answer says nothing of limits, or nothing that can be read. Names are in lower case."""
    if not any(mark in name for name in headers for mark in _MARKS):
        return None

    def said(kind: str, word: str, read: Callable[[str], _T | None]) -> _T | None:
        values = (headers[name] for name in _NAMES[kind, word] if name in headers)
        return next((value for text in values if (value := read(text)) is not None), None)

    def reset_s(text: str) -> float | None:
        return _reset_s(text, now)

    found = RateLimits(
        requests_max=said("requests", "limit", _most),
        requests_left=said("requests", "remaining", _count),
        requests_reset_s=said("requests", "reset", reset_s),
        tokens_max=said("tokens", "limit", _most),
        tokens_left=said("tokens", "remaining", _count),
        tokens_reset_s=said("tokens", "reset", reset_s),
    )
    return None if found == RateLimits() else found


def _most(text: str) -> int | None:
    """A limit of none is none that is known: Azure says 0 or -1 for it."""
    return _count(text) or None


def _count(text: str) -> int | None:
    """The first number of what may be a list (`100, 100;w=60`)."""
    try:
        value = float(text.partition(",")[0].partition(";")[0])
    except ValueError:
        return None
    return int(value) if 0 <= value <= _COUNT_MAX else None


def _reset_s(text: str, now: float) -> float | None:
    text = text.strip()
    try:
        value = float(text)
    except ValueError:
        value = _span_s(text) if "-" not in text else _until_s(text, now)
    if value >= _EPOCH_S:
        value = (value / 1000.0 if value >= 1000 * _EPOCH_S else value) - now
    return round(max(value, 0.0), 3) if value <= _RESET_S_MAX else None  # NaN is not


def _span_s(text: str) -> float:
    parts = _SPAN.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return math.nan
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _until_s(text: str, now: float) -> float:
    try:
        at = datetime.fromisoformat(text)
        return at.timestamp() - now if at.tzinfo is not None else math.nan
    except (ValueError, OverflowError):
        return math.nan
