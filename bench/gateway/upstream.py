"""A fast upstream in a process of its own: it answers `/DELAY_MS/CHUNKS/v1/…` from prepared bytes."""

import asyncio
import contextlib
import json
import multiprocessing
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final

SPACING_MS: Final = 2
"""Between two chunks of a stream."""
IDLE: Final = "idle"
"""Instead of a number of chunks: one, and then silence."""


@contextmanager
def upstream() -> Iterator[int]:
    """Its port."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield int(mine.recv())
    finally:
        process.terminate()
        process.join()


def _serve(ready: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0, backlog=1024)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(serve())


def _head(content_type: str, rest: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{rest}\r\n\r\n".encode()


def _chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def _event(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    payload = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


_USAGE: Final = {"prompt_tokens": 50, "completion_tokens": 60, "total_tokens": 110}
_MESSAGE: Final = {"role": "assistant", "content": "Something short. " * 12, "refusal": None}
_WHOLE: Final = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": _MESSAGE, "logprobs": None, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
).encode()
_PLAIN: Final = _head("application/json", f"content-length: {len(_WHOLE)}") + _WHOLE
_OPENING: Final = _head("text/event-stream", "transfer-encoding: chunked")
_CHUNK: Final = _chunked(_event({"content": " word"}))
_CLOSING: Final = _chunked(_event({}, "stop") + b"data: [DONE]\n\n") + b"0\r\n\r\n"


class _Upstream(asyncio.Protocol):
    """One connection. What is not a POST (a router's look at a worker's health) is answered at once."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if found and not head.startswith(b"POST "):
            self._buffer = b""
            self._write(_PLAIN)
            return
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._buffer = b""
        _, delay_ms, chunks, _ = head.split(b" ", 2)[1].decode().split("/", 3)
        self._answer(int(delay_ms), chunks)

    def _answer(self, delay_ms: int, chunks: str) -> None:
        loop = asyncio.get_running_loop()
        if chunks == IDLE:
            self._write(_OPENING + _CHUNK)
            return
        if not int(chunks):
            loop.call_later(delay_ms / 1000.0, self._write, _PLAIN)
            return
        self._write(_OPENING)
        for number in range(int(chunks)):
            loop.call_later((number * SPACING_MS + delay_ms) / 1000.0, self._write, _CHUNK)
        loop.call_later((int(chunks) * SPACING_MS + delay_ms) / 1000.0, self._write, _CLOSING)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
