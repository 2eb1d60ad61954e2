"""The answer on its way to the client: the gateway's half of one ASGI exchange."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from foreroute.gateway.errors import ErrorAnswer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_PASSED_ON = ("openai-", "x-ratelimit-")
_PASSED_ON_EXACTLY = frozenset({"content-type", "retry-after", "retry-after-ms"})


class Delivery:
    """Sends one response. `own_headers` go out with whatever is sent, success or error."""

    def __init__(self, send: Send, own_headers: list[tuple[bytes, bytes]]) -> None:
        self.own_headers = own_headers
        self.started = False
        self.ended = False
        self._send = send

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self._send(
            {"type": "http.response.start", "status": status, "headers": headers + self.own_headers}
        )

    async def write(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        self.ended = True
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        await self.start(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self.end(body)

    async def error(self, answer: ErrorAnswer) -> None:
        await self.whole(answer.status, answer.headers(), answer.body())


def passed_on(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """The upstream's headers that mean something to the client."""
    return [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in headers.items()
        if name in _PASSED_ON_EXACTLY or name.startswith(_PASSED_ON)
    ]
