"""What a channel does with a request: answers soundly, refuses, or goes wrong on the wire."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from foreroute.chaos.exchange import Exchange
from foreroute.chaos.words import pieces

SILENCE_S: Final = 12.0
"""How long those that are silent for a while are."""
FOREVER_S: Final = 86_400.0
_SPACING_S: Final = 0.003
_BEFORE_FAULT: Final = 5
_PROMPT_TOKENS: Final = 20
_PROBE: Final = "ping"
_PROBE_TOKENS: Final = 8
"""Of a prompt of one word, with what frames it."""
_ANSWER_TOKENS: Final = 14
_COMMON: Final = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "gpt-4o-mini"}
Request = Mapping[str, Any]
Act = Callable[[Exchange, Request], Awaitable[None]]


async def sound(exchange: Exchange, request: Request) -> None:
    """A whole answer, as it was asked for."""
    if request.get("stream"):
        await _say(exchange, pieces(request["messages"]), opening=True)
        await _finish(exchange, request)
    else:
        await exchange.plain(200, whole(request))


def slow(seconds: float) -> Act:
    """Sound, but so much later."""

    async def act(exchange: Exchange, request: Request) -> None:
        await asyncio.sleep(seconds)
        await sound(exchange, request)

    return act


def whole(request: Request) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(pieces(request["messages"])), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_COMMON, "object": "chat.completion", "choices": [choice], "usage": usage(request)}


def usage(request: Request) -> dict[str, int]:
    """What is billed: less of a probe, which asks for next to nothing."""
    is_probe = [one.get("content") for one in request["messages"]] == [_PROBE]
    read = _PROBE_TOKENS if is_probe else _PROMPT_TOKENS
    written = min(_ANSWER_TOKENS, int(request.get("max_tokens") or _ANSWER_TOKENS))
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def error_of(message: str, kind: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


OVERLOADED: Final = error_of("The server is overloaded.", "server_error", "overloaded")


async def reset(exchange: Exchange, _request: Request) -> None:
    exchange.reset()


async def close_before_headers(exchange: Exchange, _request: Request) -> None:
    exchange.cut()


async def never(_exchange: Exchange, _request: Request) -> None:
    """Accepts, and never says a word."""
    await asyncio.sleep(FOREVER_S)


async def body_cut_short(exchange: Exchange, request: Request) -> None:
    body = json.dumps(whole(request)).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    await exchange.raw(head.encode() + body[: len(body) // 2])
    exchange.cut()


async def chunks_cut_short(exchange: Exchange, request: Request) -> None:
    await _half_in_chunks(exchange, request)
    exchange.cut()


async def illegal_chunk(exchange: Exchange, request: Request) -> None:
    """A whole answer in chunks, of which the second has no legal head. The connection stays open."""
    await _half_in_chunks(exchange, request)
    await exchange.raw(b"zz-not-hex\r\n")
    await asyncio.sleep(FOREVER_S)


async def _half_in_chunks(exchange: Exchange, request: Request) -> None:
    body = json.dumps(whole(request)).encode()
    half = body[: len(body) // 2]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    await exchange.raw(head + b"%x\r\n%b\r\n" % (len(half), half))


async def hollow(exchange: Exchange, _request: Request) -> None:
    page = b"<html><head><title>Maintenance</title></head><body>We will be back soon.</body></html>"
    await exchange.bytes(200, page, "text/html; charset=utf-8")


async def truncated_json(exchange: Exchange, request: Request) -> None:
    """HTTP says that it is all; JSON says that it is not."""
    body = json.dumps(whole(request)).encode()
    await exchange.bytes(200, body[: len(body) // 2], "application/json")


async def empty_body(exchange: Exchange, _request: Request) -> None:
    await exchange.bytes(200, b"", "application/json")


async def empty_choices(exchange: Exchange, request: Request) -> None:
    await exchange.plain(200, {**whole(request), "choices": []})


async def bad_gzip(exchange: Exchange, request: Request) -> None:
    body = b"\x1f\x8b\x08\x00" + json.dumps(whole(request)).encode()
    await exchange.bytes(200, body, "application/json", {"content-encoding": "gzip"})


async def bad_utf8(exchange: Exchange, request: Request) -> None:
    body = json.dumps(whole(request)).encode().replace(b"weather", b"w\xff\xfe\xc3(ther")
    await exchange.bytes(200, body, "application/json")


async def slow_headers(exchange: Exchange, request: Request) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nx-slow: ")
    for _ in range(int(SILENCE_S)):
        await exchange.raw(b".")
        await asyncio.sleep(1.0)
    body = json.dumps(whole(request)).encode()
    await exchange.raw(b"\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


stall_first: Final = slow(SILENCE_S)


async def cut_early(exchange: Exchange, _request: Request) -> None:
    await _say(exchange, [], opening=True)
    exchange.cut()


async def error_first(exchange: Exchange, _request: Request) -> None:
    await exchange.open_stream()
    await exchange.event(json.dumps(OVERLOADED))
    await exchange.end_stream()


async def cut_midway(exchange: Exchange, request: Request) -> None:
    await _begin(exchange, request)
    exchange.cut()


async def without_finish(exchange: Exchange, request: Request) -> None:
    await _begin(exchange, request)
    await exchange.end_stream()


async def malformed(exchange: Exchange, request: Request) -> None:
    broken, *rest = await _begin(exchange, request)
    await exchange.event(_chunk({"content": broken})[:-9])
    await _say(exchange, rest, opening=False)
    await _finish(exchange, request)


async def error_midway(exchange: Exchange, request: Request) -> None:
    await _begin(exchange, request)
    await exchange.event(json.dumps(OVERLOADED))
    await exchange.end_stream()


async def stall_midway(exchange: Exchange, request: Request) -> None:
    await _begin(exchange, request)
    await asyncio.sleep(FOREVER_S)


async def illegal_chunk_midway(exchange: Exchange, request: Request) -> None:
    await _begin(exchange, request)
    await exchange.raw(b"zz-not-hex\r\n")
    await asyncio.sleep(FOREVER_S)


async def _begin(exchange: Exchange, request: Request) -> list[str]:
    """Says the first words, returns the others."""
    words = pieces(request["messages"])
    await _say(exchange, words[:_BEFORE_FAULT], opening=True)
    return words[_BEFORE_FAULT:]


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
        last = {**_COMMON, "object": "chat.completion.chunk", "choices": [], "usage": usage(request)}
        await exchange.event(json.dumps(last))
    await exchange.event("[DONE]")
    await exchange.end_stream()
