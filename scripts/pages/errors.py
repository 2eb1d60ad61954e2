"""`docs/reference/errors.md`: what the gateway answers of its own, from the functions that make it."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from scripts.pages.code import row, table

from foreroute.cli.exits import MEANINGS
from foreroute.core.channel import Dialect
from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureFamily
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer

_HEAD = """# Errors

<!-- Made by scripts/generate.py from src/foreroute/gateway/wire/errors.py: edit there. -->

## The gateway's own answers

On OpenAI's paths `{"error": {"message", "type", "param", "code"}}`, on Anthropic's `{"type": "error", "error": {"type", "message"},
"request_id"}`. What a provider says of a request's own fault goes back as the provider said it. *Again*: whether the official
clients may try again by themselves; where it is *no*, `x-should-retry: false` tells them so. What happens before any of this
is said: [when a channel fails](../gateway.md#what-happens-when-a-channel-fails).

"""
_VARIED: dict[str, tuple[dict[str, Any], ...]] = {
    "all_failed": (
        {"failure": FailureClass.SERVER_ERROR},
        {"failure": FailureClass.TIMEOUT_READ},
    ),
}
_SAMPLES: dict[str, Any] = {
    "model": "MODEL",
    "dialect": Dialect.OPENAI,
    "regions": ["REGION"],
    "reason": "expired",
    "message": "…",
    "wait_s": None,
    "limit": 50_000_000,
    "method": "METHOD",
    "path": "/PATH",
    "request_id": "REQUEST",
    "failure": FailureClass.STREAM_INTERRUPTED,
    "detail": "…",
    "coding": "gzip",
}
_ADVICE = {
    "unknown_model": "ask for one of `GET /v1/models`; a key may be limited to some of them",
    "no_match": "ask in the format of the route's channels, or relax `provider`",
    "must_stay": "give the route a channel in one of those regions, or the key other regions",
    "wrong_key": "send a key of `gateway.api_keys` or a virtual key",
    "closed_key": "enable or renew the key: `foreroute keys`",
    "wrong_role": "make a key with the role `call`",
    "shared_objects": "use a key of the configuration",
    "over_limit": "wait for the time in `retry-after`, or raise the key's limit",
    "over_budget": "wait for the next period, or raise the budget",
    "payment_required": "raise the budget: its owner wants no waiting",
    "unpriced": "give the channel a price, or the key `--allow-unpriced`",
    "budget_cut": "raise the budget; what was received is incomplete",
    "accounts_unavailable": "try again; if it lasts, look at the store's disk",
    "too_large": "send less, or raise `gateway.body_max`",
    "compressed": "send the body without content-encoding",
    "unknown_path": "see the gateway's paths",
    "wrong_method": "see the gateway's paths",
    "internal_error": "a defect of Foreroute; the request may be sent again",
    "busy": "wait for the time in `retry-after`, or add a channel or quota",
    "unavailable": "`foreroute status` says which channels are out, and why",
    "all_failed": "`foreroute explain REQUEST` tells each attempt",
    "interrupted": "inside a stream: ask again, the answer is incomplete",
}
_FAMILIES = {
    FailureFamily.TRANSIENT: "passes by itself",
    FailureFamily.DOWN_UNTIL_CHANGE: "until somebody changes something",
    FailureFamily.REQUEST_MISMATCH: "another channel may take the request",
    FailureFamily.REQUEST_FAULT: "the request's own fault",
}


def answers() -> Iterator[tuple[str, ErrorAnswer]]:
    """(function, an answer of it) for every answer that has a code. Raises KeyError for one that nobody explains."""
    for name, make in inspect.getmembers(errors, inspect.isfunction):
        if make.__module__ == errors.__name__ and make.__annotations__.get("return") is ErrorAnswer:
            for given in _VARIED.get(name, ({},)):
                answer = _made(make, given)
                if answer.code is not None:
                    yield name, answer


def _made(make: Callable[..., ErrorAnswer], given: dict[str, Any]) -> ErrorAnswer:
    if make is errors.upstream_said:  # a provider's words, not ours
        return ErrorAnswer(status=0, message="")
    needed = [
        one.name
        for one in inspect.signature(make).parameters.values()
        if one.default is inspect.Parameter.empty
    ]
    return make(**{name: given.get(name, _SAMPLES[name]) for name in needed})


def errors_page() -> str:
    rows = [
        (answer.status, row(
            str(answer.status),
            "the failure's class" if name == "interrupted" else f"`{answer.code}`",
            f"`{answer.type}`",
            "no" if answer.final else "yes" if answer.status >= 429 else "–",
            answer.message,
            _ADVICE[name],
        ))
        for name, answer in answers()
    ]  # fmt: skip
    made = "".join(line for _, line in sorted(rows))
    bad = row(
        "400",
        "none",
        "`invalid_request_error`",
        "–",
        "What is wrong with the body, with `param`.",
        "correct it",
    )
    return (
        _HEAD
        + table("status", "code", "type", "again", "message", "what helps")
        + bad
        + made
        + _classes()
        + _exits()
    )


def _classes() -> str:
    rows = [
        row(
            f"`{kind.value}`",
            _FAMILIES[advice.family],
            _yes(advice.failover),
            _yes(advice.counts_against_channel),
        )
        for kind, advice in FAILURE_ADVICE.items()
    ]
    head = """
## Classes of failures

Why a try failed: `failure_class` in `foreroute explain`, the label of `foreroute_failures_total`, and what playbooks and alerts
name. *Elsewhere*: the same request may succeed on another channel, and is tried there. *Blamed*: it counts against the
channel's breaker.

"""
    return head + table("class", "how long", "elsewhere", "blamed") + "".join(rows)


def _exits() -> str:
    rows = [row(f"`{int(code)}`", meaning) for code, meaning in MEANINGS.items()]
    return "\n## Exit codes of the command line\n\n" + table("code", "meaning") + "".join(rows)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
