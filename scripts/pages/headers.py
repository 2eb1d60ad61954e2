"""`docs/reference/headers.md`: every header that the gateway reads or sends of its own; one without words fails."""

import ast
import re

from scripts.pages.code import row, table, trees

_HEAD = """# Headers

<!-- Made by scripts/generate.py; the words are in scripts/pages/headers.py: edit there. -->

Header names are read in any case. What is not named here goes through as it is, or is a matter of HTTP itself.

## Of an answer

"""
ANSWER = {
    "x-request-id": "Yours if it was sane, otherwise a fresh one. `foreroute explain <id>` tells its story.",
    "request-id": "The same, on Anthropic's paths, where its clients look for it.",
    "x-foreroute-channel": "The channel of the last attempt.",
    "x-foreroute-reason": "Why that channel: [one of these words](../gateway.md#x-foreroute-reason).",
    "x-foreroute-attempts": "How many attempts were made; 0 if no channel could be asked.",
    "x-ratelimit-limit-*": "The key's limit of `requests` or `tokens` a minute. Without limits of its own, the channel's headers.",
    "x-ratelimit-remaining-*": "What is left of it.",
    "x-ratelimit-reset-*": "When it is full again, such as `6m0s`.",
    "anthropic-ratelimit-*": "The same on Anthropic's paths: `…-limit`, `…-remaining`, `…-reset` (RFC 3339).",
    "retry-after": "Whole seconds after which trying again makes sense, on every 429 and 503 that knows.",
    "retry-after-ms": "The same in milliseconds, which the official clients read first.",
    "x-should-retry": "`false`: trying again is of no use. The official clients obey it.",
    "cache-control": "`no-cache`, on streams.",
    "x-accel-buffering": "`no`, on streams: a proxy before the gateway should not hold them back.",
}
REQUEST = {
    "authorization": "`Bearer KEY`, where the gateway asks for a key.",
    "x-api-key": "The same, as Anthropic's clients send it.",
    "api-key": "The same, as Azure's clients send it.",
    "x-request-id": "A name for the request: up to its length and letters it is kept.",
    "x-slo-ttft-ms": "Channels that take longer to their first chunk are asked last.",
    "x-foreroute-user": "Whom an [experiment](../experiments.md) with `unit: user` keeps on one arm.",
    "x-foreroute-session": "The same with `unit: session`.",
    "anthropic-version": "Passed on; answers are in Anthropic's format.",
    "anthropic-beta": "Passed on.",
    "openai-beta": "Passed on.",
    "idempotency-key": "Passed on.",
}
_OTHERS = {"content-type", "content-length", "content-encoding", "no-cache"}


def named_in_code() -> set[str]:
    """Header-like byte literals of the gateway."""
    found: set[str] = set()
    for _, tree in trees("gateway"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
                text = node.value.decode("latin-1")
                if re.fullmatch(r"[a-z]+(-[a-z]+)+-?", text):
                    found.add(text)
    return found - _OTHERS


def unexplained() -> set[str]:
    """Those of the code that this page does not name."""
    known = {*ANSWER, *REQUEST}
    stems = tuple(name.removesuffix("*") for name in known if name.endswith("*"))
    return {name for name in named_in_code() if name not in known and not name.startswith(stems)}


def headers_page() -> str:
    if missing := unexplained():
        raise ValueError(f"headers without words in scripts/pages/headers.py: {', '.join(sorted(missing))}")
    answer = [row(f"`{name}`", words) for name, words in ANSWER.items()]
    request = [row(f"`{name}`", words) for name, words in REQUEST.items()]
    return (
        _HEAD
        + table("header", "value")
        + "".join(answer)
        + "\n## Of a request\n\n"
        + table("header", "what it does")
        + "".join(request)
        + "\n`gateway.client_region_header` names one more, in which a proxy says where the client is.\n"
    )
