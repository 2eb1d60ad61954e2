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
_KINDS: Final = {
    "requests": ("requests-minute", "req-minute", "requests"),
    "tokens": ("tokens-minute", "tokens"),
}
_WORDS: Final = ("limit", "remaining", "reset")
_NOTHING: Final = RateLimits()
_T = TypeVar("_T")


def _spellings(kind: str, word: str) -> tuple[str, ...]:
    found = [f"x-ratelimit-{word}-{name}" for name in _KINDS[kind]]
    found.append(f"anthropic-ratelimit-{kind}-{word}")
    if kind == "requests":
        found += [f"x-ratelimit-{word}", f"ratelimit-{word}", f"x-rate-limit-{word}"]
    else:
        found += [f"x-tokenlimit-{word}", f"ratelimitbysize-{word}", f"x-ratelimitbysize-{word}-minute"]
    return tuple(found)


_PLACES: Final = {
    name: (2 * number + rank_by_kind, rank)
    for number, word in enumerate(_WORDS)
    for rank_by_kind, kind in enumerate(_KINDS)
    for rank, name in enumerate(_spellings(kind, word))
}
"""Header → which field it tells (limit, remaining and reset of requests and of tokens), and who is believed first."""


def read_rate_limits(headers: Mapping[str, str], now: float) -> RateLimits | None:
    """None where the answer says nothing of limits, or nothing that can be read. Names are in lower case."""
    texts: dict[int, list[tuple[int, str]]] = {}
    for name in headers:
        place = _PLACES.get(name)
        if place is not None:
            texts.setdefault(place[0], []).append((place[1], headers[name]))
    if not texts:
        return None
    requests_max, tokens_max, requests_left, tokens_left = (
        _first(texts.get(field), _most if field < 2 else _count) for field in range(4)
    )
    requests_reset_s, tokens_reset_s = (
        _first(texts.get(field), lambda text: _reset_s(text, now)) for field in (4, 5)
    )
    found = RateLimits(requests_max, requests_left, requests_reset_s, tokens_max, tokens_left, tokens_reset_s)
    return None if found == _NOTHING else found


def _first(texts: list[tuple[int, str]] | None, read: Callable[[str], _T | None]) -> _T | None:
    """The first that can be read, in the order of belief."""
    if texts is None:
        return None
    if len(texts) > 1:
        texts.sort()
    return next((value for _, text in texts if (value := read(text)) is not None), None)


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
