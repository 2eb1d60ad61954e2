"""An in-process client for ASGI applications that hands over each body chunk as it is sent.

Common in-process transports collect the whole body first, so a first chunk's time cannot be seen through them.
This one needs no socket and no thread, and lives on any asyncio loop, virtual time included.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

Message = MutableMapping[str, Any]
App = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class StreamedResponse:
    """A response whose head has arrived. Iterate it for the chunks, once."""

    def __init__(
        self, status: int, headers: Mapping[str, str], messages: "asyncio.Queue[Message | None]"
    ) -> None:
        self.status = status
        self.headers = headers
        """Names in lower case; the last of equal names wins."""
        self._messages = messages

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._messages.get()
            if message is None:
                raise ConnectionResetError("the application ended without completing its response")
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                return

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self])


@asynccontextmanager
async def stream(
    app: App,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    client: tuple[str, int] = ("127.0.0.1", 50000),
) -> AsyncIterator[StreamedResponse]:
    """Send one request. Leaving the block before the body's end is a client that hangs up.

    The application is always awaited to its end, and what it raises is raised here.
    """
    messages: asyncio.Queue[Message | None] = asyncio.Queue()
    gone = asyncio.Event()
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if pending:
            return pending.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if not gone.is_set():
            messages.put_nowait(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                gone.set()

    async def run() -> None:
        try:
            await app(
                _scope(method, path, headers or {}, client, cut=lambda: _cut(messages, gone)), receive, send
            )
        finally:
            messages.put_nowait(None)

    running = asyncio.create_task(run())
    try:
        head = await messages.get()
        if head is None:
            await running
            raise ConnectionResetError("the application ended without a response")
        names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head["headers"]}
        yield StreamedResponse(head["status"], names, messages)
    finally:
        gone.set()
        await running


def _cut(messages: "asyncio.Queue[Message | None]", gone: asyncio.Event) -> None:
    messages.put_nowait(None)
    gone.set()


def _scope(
    method: str, path: str, headers: Mapping[str, str], client: tuple[str, int], *, cut: Callable[[], None]
) -> dict[str, Any]:
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ],
        "client": client,
        "server": ("127.0.0.1", 80),
        "extensions": {"foreroute.cut": cut},
    }
