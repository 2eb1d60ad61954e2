"""The ASGI side of the fake provider: heads, parts, silence and cuts."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import orjson

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Wire:
    """The sending side of one request."""

    def __init__(self, send: Send, receive: Receive, cut: Callable[[], None] | None) -> None:
        self._send = send
        self._receive = receive
        self._cut = cut
        self.was_cut = False

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def part(self, body: bytes, *, last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})

    async def raw(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        await self.start(status, {"content-length": str(len(body)), **headers})
        await self.part(body, last=True)

    async def whole(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        await self.raw(status, orjson.dumps(body), {"content-type": "application/json", **(headers or {})})

    async def silence(self) -> None:
        """Say nothing more; ends by cancellation, when the client leaves."""
        await asyncio.get_running_loop().create_future()

    async def cut(self) -> None:
        """End the connection. Without the server's help the response just stays incomplete."""
        self.was_cut = True
        if self._cut is not None:
            self._cut()
            await self.silence()


async def until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def serve_lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
