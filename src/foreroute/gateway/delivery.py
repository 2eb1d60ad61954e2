"""The answer on its way to the client: the gateway's half of one ASGI exchange."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from foreroute.core.channel import Dialect
from foreroute.gateway.wire.errors import ErrorAnswer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_PASSED_ON: Final = ("x-ratelimit-", "anthropic-ratelimit-")
_PASSED_ON_EXACTLY: Final = frozenset(
    {
        "openai-processing-ms",
        "openai-version",
        "openai-model",
        "content-type",
        "content-disposition",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
    }
)
_STREAM: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Delivery:
    """Sends one response. `own_headers` go out with whatever is sent, success or error."""

    def __init__(
        self, send: Send, request_id: str, told_id: str, cut: Callable[[], None] | None = None
    ) -> None:
        """`told_id` is what the client knows the request by: its own id, if it sent one."""
        self.request_id = request_id
        self.told_id = told_id
        self.own_headers = [(b"x-request-id", told_id.encode("latin-1"))]
        self.dialect = Dialect.OPENAI
        self.typed_events = False
        self.started = False
        self.ended = False
        self.written_at = asyncio.get_running_loop().time()
        self.is_event_stream = False
        self._send = send
        self._cut = cut

    def speak(self, dialect: Dialect, *, typed_events: bool = False) -> None:
        """The form of errors. Anthropic's clients read the request's id from a header of their own."""
        self.dialect, self.typed_events = dialect, typed_events
        if dialect is Dialect.ANTHROPIC:
            self.own_headers = [*self.own_headers, (b"request-id", self.told_id.encode("latin-1"))]

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        own = {name for name, _ in self.own_headers}
        kept = [header for header in headers if header[0] not in own]
        await self._send(
            {"type": "http.response.start", "status": status, "headers": kept + self.own_headers}
        )

    async def start_stream(self, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        """The head of a stream of events, unless a comment has sent it before."""
        if not self.started:
            self.is_event_stream = True
            await self.start(200, [*(h for h in headers or () if h[0] != b"content-type"), *_STREAM])

    async def write(self, body: bytes) -> None:
        self.written_at = asyncio.get_running_loop().time()
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        self.ended = True
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        await self.start(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self.end(body)

    async def error(self, answer: ErrorAnswer) -> None:
        """As a response, or as the last event of a stream that has begun; another answer that has begun is cut."""
        if self.is_event_stream:
            return await self.end(self.error_event(answer))
        if self.started:
            return self.abort()
        return await self.whole(answer.status, answer.headers(), answer.body(self.dialect, self.told_id))

    def abort(self) -> None:
        """End the connection as it is now: there is no other way to say that what was sent is not all."""
        self.ended = True
        if self._cut is not None:
            self._cut()

    def error_event(self, answer: ErrorAnswer) -> bytes:
        return answer.event(self.dialect, self.told_id, typed=self.typed_events)


def passed_on(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """The upstream's headers that mean something to the client."""
    return [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in headers.items()
        if name in _PASSED_ON_EXACTLY or name.startswith(_PASSED_ON)
    ]
