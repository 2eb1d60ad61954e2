"""What is left, in the headers that clients of OpenAI and of Anthropic read."""

import math
from datetime import UTC, datetime

from foreroute.core.accounts import Gauge, Refusal, Ticket

Header = tuple[bytes, bytes]


def limit_headers(answer: Ticket | Refusal, at: float, *, anthropic: bool = False) -> list[Header]:
    """Of the tightest scope, for requests and for tokens; nothing for what is not limited. `at` is now."""
    write = _anthropic if anthropic else _openai
    gauges = ((b"requests", answer.requests_left), (b"tokens", answer.tokens_left))
    return [header for what, gauge in gauges if gauge is not None for header in write(what, gauge, at)]


def _openai(what: bytes, gauge: Gauge, at: float) -> list[Header]:
    return [
        (b"x-ratelimit-limit-" + what, b"%d" % gauge.limit),
        (b"x-ratelimit-remaining-" + what, b"%d" % gauge.remaining(at)),
        (b"x-ratelimit-reset-" + what, _short(gauge.reset_s(at)).encode()),
    ]


def _anthropic(what: bytes, gauge: Gauge, at: float) -> list[Header]:
    start = b"anthropic-ratelimit-" + what
    full = datetime.fromtimestamp(math.ceil(at + gauge.reset_s(at)), UTC)
    return [
        (start + b"-limit", b"%d" % gauge.limit),
        (start + b"-remaining", b"%d" % gauge.remaining(at)),
        (start + b"-reset", full.strftime("%Y-%m-%dT%H:%M:%SZ").encode()),
    ]


def _short(duration_s: float) -> str:
    """As OpenAI writes it: `12ms`, `1s`, `6m0s`. Rounded up, so that nobody comes too early."""
    if duration_s < 1.0:
        return f"{math.ceil(duration_s * 1000 - 1e-6)}ms"
    seconds = math.ceil(duration_s - 1e-6)
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
