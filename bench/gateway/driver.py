"""The load driver: users in a closed loop, and streams that are held open."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

_STAGGER_S: Final = 0.05
_TOGETHER: Final = 50
_OPEN_WITHIN_S: Final = 60.0
_SHORT: Final = "Say something short. " * 10


@dataclass(frozen=True, slots=True)
class Load:
    """What one load did. Times in milliseconds."""

    requests: int
    times_ms: list[float]

    def quantile(self, rank: float) -> float:
        ordered = sorted(self.times_ms)
        return ordered[min(len(ordered) - 1, int(rank * len(ordered)))]


def request(
    model: str,
    *,
    path: str = "/v1",
    stream: bool = False,
    headers: Mapping[str, str] | None = None,
    body_bytes: int = 0,
) -> bytes:
    """A chat request; its prompt is made longer until the body has so many bytes."""
    fields = {"model": model, "stream": stream}
    body = _body(fields, _SHORT)
    if len(body) < body_bytes:
        body = _body(fields, _SHORT + "x" * (body_bytes - len(body)))
    head = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        "content-length": str(len(body)),
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"POST {path}/chat/completions HTTP/1.1\r\n{lines}\r\n".encode() + body


def _body(fields: Mapping[str, object], prompt: str) -> bytes:
    document = {**fields, "messages": [{"role": "user", "content": prompt}]}
    return json.dumps(document, separators=(",", ":")).encode()


async def drive(port: int, asked: bytes, users: int, seconds: float) -> Load:
    """`users` connections, each of which asks again as soon as it is answered, for so long. At least once each.

    They begin one after the other: people do not ask in chorus.
    """
    loop = asyncio.get_running_loop()
    end_at = loop.time() + seconds
    times: list[float] = []

    async def user(number: int) -> None:
        await asyncio.sleep(_STAGGER_S * number / users)
        _, connection = await loop.create_connection(_Caller, "127.0.0.1", port)
        try:
            while True:
                start_at = loop.time()
                await connection.ask(asked)
                times.append((loop.time() - start_at) * 1000.0)
                if loop.time() >= end_at:
                    return
        finally:
            connection.close()

    async with asyncio.TaskGroup() as group:
        for number in range(users):
            group.create_task(user(number))
    return Load(len(times), times)


@asynccontextmanager
async def held_open(port: int, asked: bytes, count: int) -> AsyncIterator[None]:
    """So many streams, each of which has had its first content and waits; closed afterwards."""
    turn = asyncio.Semaphore(_TOGETHER)

    async def open_one() -> asyncio.StreamWriter:
        async with turn:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(asked)
            seen = b""
            while b'"content"' not in seen:
                if not (data := await reader.read(4096)):
                    raise RuntimeError(f"a stream ended early: {seen[:300]!r}")
                seen += data
            return writer

    writers: list[asyncio.StreamWriter] = []
    try:
        async with asyncio.timeout(_OPEN_WITHIN_S):
            writers += await asyncio.gather(*(open_one() for _ in range(count)))
        yield
    finally:
        for writer in writers:
            writer.close()


class _Caller(asyncio.Protocol):
    """One keep-alive connection. Raises on anything but a whole 200."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[None] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def ask(self, asked: bytes) -> None:
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(asked)
        await self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or self._answered is None:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._fail(RuntimeError(self._buffer[:300].decode(errors="replace")))
        length = re.search(rb"(?i)content-length: (\d+)", head)
        whole = len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")
        if whole:
            self._buffer = b""
            if not self._answered.done():
                self._answered.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the connection ended early"))

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
