"""What the upstream does for each fault."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from bench.faults.catalogue import RETRY_AFTER_S, SILENCE_S
from bench.faults.exchange import Exchange
from bench.faults.words import pieces

_SPACING_S: Final = 0.003
_BEFORE_FAULT: Final = 5
_USAGE: Final = {"prompt_tokens": 20, "completion_tokens": 14, "total_tokens": 34}
_COMMON: Final = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "gpt-4o-mini"}
Request = Mapping[str, Any]
Act = Callable[[Exchange, Request], Awaitable[None]]


async def sound(exchange: Exchange, request: Request) -> None:
    """A whole answer, as it was asked for."""
    if request.get("stream"):
        await _say(exchange, pieces(request["messages"]), opening=True)
        await _finish(exchange, request)
    else:
        await exchange.plain(200, _whole(request))


def _whole(request: Request) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(pieces(request["messages"])), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_COMMON, "object": "chat.completion", "choices": [choice], "usage": _USAGE}


def _chunk(delta: dict[str, Any], finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return json.dumps({**_COMMON, "object": "chat.completion.chunk", "choices": [choice]})


async def _say(exchange: Exchange, words: list[str], *, opening: bool) -> None:
    if opening:
        await exchange.open_stream()
        await exchange.event(_chunk({"role": "assistant", "content": ""}))
    for word in words:
        await exchange.event(_chunk({"content": word}))
        await asyncio.sleep(_SPACING_S)


async def _finish(exchange: Exchange, request: Request) -> None:
    await exchange.event(_chunk({}, "stop"))
    if (request.get("stream_options") or {}).get("include_usage"):
        usage = {**_COMMON, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}
        await exchange.event(json.dumps(usage))
    await exchange.event("[DONE]")
    await exchange.end_stream()


async def _begin(exchange: Exchange, request: Request) -> list[str]:
    """Says the first words, returns the others."""
    words = pieces(request["messages"])
    await _say(exchange, words[:_BEFORE_FAULT], opening=True)
    return words[_BEFORE_FAULT:]


def _error(message: str, kind: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


_OVERLOADED: Final = _error("The server is overloaded.", "server_error", "overloaded")


def _refuse(status: int, error: dict[str, Any], headers: Mapping[str, str] | None = None) -> Act:
    async def act(exchange: Exchange, _request: Request) -> None:
        await exchange.plain(status, error, headers)

    return act


def _limited(seconds: int) -> Act:
    error = _error("Rate limit reached for requests.", "requests", "rate_limit_exceeded")
    return _refuse(429, error, {"retry-after": str(seconds)})


async def _reset(exchange: Exchange, _request: Request) -> None:
    exchange.reset()


async def _body_cut_short(exchange: Exchange, request: Request) -> None:
    body = json.dumps(_whole(request)).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    await exchange.raw(head.encode() + body[: len(body) // 2])
    exchange.cut()


async def _hollow(exchange: Exchange, _request: Request) -> None:
    page = b"<html><head><title>Maintenance</title></head><body>We will be back soon.</body></html>"
    await exchange.bytes(200, page, "text/html; charset=utf-8")


async def _empty_choices(exchange: Exchange, request: Request) -> None:
    await exchange.plain(200, {**_whole(request), "choices": []})


async def _bad_gzip(exchange: Exchange, request: Request) -> None:
    body = b"\x1f\x8b\x08\x00" + json.dumps(_whole(request)).encode()
    await exchange.bytes(200, body, "application/json", {"content-encoding": "gzip"})


async def _slow_headers(exchange: Exchange, request: Request) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nx-slow: ")
    for _ in range(int(SILENCE_S)):
        await exchange.raw(b".")
        await asyncio.sleep(1.0)
    body = json.dumps(_whole(request)).encode()
    await exchange.raw(b"\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


async def _stall_first(exchange: Exchange, request: Request) -> None:
    await asyncio.sleep(SILENCE_S)
    await sound(exchange, request)


async def _cut_early(exchange: Exchange, _request: Request) -> None:
    await _say(exchange, [], opening=True)
    exchange.cut()


async def _error_first(exchange: Exchange, _request: Request) -> None:
    await exchange.open_stream()
    await exchange.event(json.dumps(_OVERLOADED))
    await exchange.end_stream()


async def _cut_midway(exchange: Exchange, request: Request) -> None:
    await _begin(exchange, request)
    exchange.cut()


async def _without_finish(exchange: Exchange, request: Request) -> None:
    await _begin(exchange, request)
    await exchange.end_stream()


async def _malformed(exchange: Exchange, request: Request) -> None:
    broken, *rest = await _begin(exchange, request)
    await exchange.event(_chunk({"content": broken})[:-9])
    await _say(exchange, rest, opening=False)
    await _finish(exchange, request)


async def _error_midway(exchange: Exchange, request: Request) -> None:
    await _begin(exchange, request)
    await exchange.event(json.dumps(_OVERLOADED))
    await exchange.end_stream()


async def _stall_midway(exchange: Exchange, request: Request) -> None:
    await _begin(exchange, request)
    await asyncio.sleep(3600.0)


_ACTS: Final[Mapping[str, Act]] = {
    "permanent_503": _refuse(503, _OVERLOADED),
    "all_503": _refuse(503, _OVERLOADED),
    "429_retry_after": _limited(30),
    "all_429": _limited(RETRY_AFTER_S),
    "401_one_key": _refuse(
        401, _error("Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
    ),
    "402_quota": _refuse(
        402, _error("You exceeded your current quota.", "insufficient_quota", "insufficient_quota")
    ),
    "403_region": _refuse(
        403,
        _error(
            "Country, region, or territory not supported",
            "request_forbidden",
            "unsupported_country_region_territory",
        ),
    ),
    "connection_reset": _reset,
    "body_cut_short": _body_cut_short,
    "hollow_200": _hollow,
    "empty_choices_200": _empty_choices,
    "bad_gzip": _bad_gzip,
    "slow_headers": _slow_headers,
    "stall_12s": _stall_first,
    "stream_cut_early": _cut_early,
    "error_event_first": _error_first,
    "stream_cut_midway": _cut_midway,
    "stream_without_finish_reason": _without_finish,
    "malformed_event": _malformed,
    "error_event_in_stream": _error_midway,
    "stall_midway": _stall_midway,
}


def act_for(fault: str) -> Act:
    return _ACTS[fault]
