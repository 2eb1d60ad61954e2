"""One answer of the upstream on a connection, byte by byte."""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any


class Exchange:
    """One answer on a connection. `is_over`: the connection must end with it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.is_over = False

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def plain(self, status: int, payload: Any, headers: Mapping[str, str] | None = None) -> None:
        await self.bytes(status, json.dumps(payload).encode(), "application/json", headers)

    async def bytes(
        self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = (
            f"HTTP/1.1 {status} {_phrase(status)}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
        )
        await self.raw(f"{head}{extra}\r\n".encode() + body)

    async def open_stream(self) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        await self.raw(head.encode())

    async def event(self, data: str) -> None:
        body = f"data: {data}\n\n".encode()
        await self.raw(b"%x\r\n%b\r\n" % (len(body), body))

    async def end_stream(self) -> None:
        await self.raw(b"0\r\n\r\n")

    def cut(self) -> None:
        """The connection ends, whatever was promised."""
        self.is_over = True

    def reset(self) -> None:
        self.is_over = True
        self._writer.transport.abort()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
