"""Any ASGI application on a real socket of the running event loop, without a timer that ticks.

uvicorn's protocol does the HTTP. Its server is not used: it takes over signals and wakes ten times a
second, which a loop on virtual time would have to live through, minute by simulated minute.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

App = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
"""An ASGI application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """What a client may take before its connection is closed: places are few, and an idle one costs its sender nothing."""

    head_s: float = 20.0
    """From the connection, or the first byte of a later request, to the end of the request's head."""
    head_bytes_max: int = 64 * 1024
    headers_max: int = 200
    body_s: float = 20.0
    body_bytes_min: int = 10_000
    """A body must bring so many bytes in each `body_s`, unless it is us who do not read."""


_PATIENCE: Final = Patience()
_ONCE: Final = (
    b"authorization",
    b"x-api-key",
    b"api-key",
    b"host",
    b"content-type",
    b"content-length",
    b"origin",
)


class _Protocol(HttpToolsProtocol):
    """Offers the application two extensions, each in `scope["extensions"]`, and ends requests that do not come to an end.

    `foreroute.cut`: end the connection as it is now. `foreroute.on_disconnect`: name a function to be called when the
    client is gone before its response has ended, which spares a task that does nothing but wait for it.
    """

    patience: Patience = _PATIENCE
    _left: Callable[[], None] | None = None
    _timer: asyncio.TimerHandle | None = None
    _in_head = True
    """No request's head is complete, be it that none has begun."""
    _in_body = False
    _head_bytes = 0
    _body_bytes = 0
    _too_large = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(cast("asyncio.Transport", _Joined(transport, self.loop)))
        self._timer = self.loop.call_later(self.patience.head_s, self._head_is_late)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.patience.head_bytes_max and not self.transport.is_closing():
                self._refuse_head()
            elif self._timer is None:
                self._timer = self.loop.call_later(self.patience.head_s, self._head_is_late)
        elif self._in_body:
            self._body_bytes += len(data)
            if self._timer is None:
                self._timer = self.loop.call_later(self.patience.body_s, self._body_is_late)
        elif self._timer is not None:
            self._stop_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        names = [name for name, _ in self.headers]
        if len(set(names)) < len(names) and any(names.count(name) > 1 for name in _ONCE):
            raise ValueError("a header stands twice")  # a proxy before us may have believed the other one
        used = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if used > self.patience.head_bytes_max or len(self.headers) > self.patience.headers_max:
            self._too_large = True
            raise ValueError("the head is too large")  # ends the parsing; `send_400_response` answers
        self._in_head, self._in_body, self._body_bytes = False, True, 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._stop_timer()
        if self._too_large:
            self._refuse_head()
        elif self._is_answering():
            self.transport.close()  # a second answer in the middle of the first would be taken for a part of it
        else:
            super().send_400_response(msg)

    def _refuse_head(self) -> None:
        self._stop_timer()
        self._say(b"431 Request Header Fields Too Large")

    def _head_is_late(self) -> None:
        self._timer = None
        if self._head_bytes:
            self._say(b"408 Request Timeout")
        else:
            self.transport.close()

    def _body_is_late(self) -> None:
        self._timer = None
        if not self._in_body:
            return
        came, self._body_bytes = self._body_bytes, 0
        if came < self.patience.body_bytes_min and not self.flow.read_paused:
            self.transport.abort()  # the application is told that its client has left
            return
        self._timer = self.loop.call_later(self.patience.body_s, self._body_is_late)

    def _say(self, status: bytes) -> None:
        if not self._is_answering():
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        self.transport.close()

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._left = None
        cast("dict[str, Any]", cycle.scope)["extensions"] = {
            "foreroute.cut": cycle.transport.close,
            "foreroute.on_disconnect": self._on_disconnect,
        }
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        cycle: RequestResponseCycle | None = self.cycle
        under_way = cycle is not None and not cycle.response_complete
        super().connection_lost(exc)
        if under_way and self._left is not None:
            self._left()

    def _on_disconnect(self, left: Callable[[], None]) -> None:
        self._left = left
        if self.transport.is_closing():  # gone before anyone could listen
            self.loop.call_soon(left)


class _Joined:
    """A transport that sends what is written in one turn of the event loop in one go: a head and its body are two
    writes of the protocol, and need not be two system calls.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts = self._parts, []
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))


class Server:
    """A listening application. `await aclose()` ends it gracefully; it is also an async context manager."""

    def __init__(
        self, listener: asyncio.Server, state: ServerState, lifespan: Any, grace_s: float, *, secure: bool
    ) -> None:
        self.host, self.port = listener.sockets[0].getsockname()[:2]
        self._scheme = "https" if secure else "http"
        self._listener = listener
        self._state = state
        self._lifespan = lifespan
        self._grace_s = grace_s

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self._scheme}://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Refuse new connections, let requests in flight end for the grace time, then cut them."""
        self._listener.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if tasks := set(self._state.tasks):
            _, late = await asyncio.wait(tasks, timeout=self._grace_s)
            for connection in list(self._state.connections):
                connection.transport.abort()  # the application is told that its client has left
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._lifespan.shutdown()
        await self._listener.wait_closed()
        for _ in range(3):  # closed sockets report their end one turn of the loop later
            await asyncio.sleep(0)


async def serve_asgi(
    app: App,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    keep_alive_s: int = 600,
    grace_s: float = 5.0,
    share_port: bool = False,
    tls: ssl.SSLContext | None = None,
    patience: Patience = _PATIENCE,
) -> Server:
    """Start serving; returns when the socket listens. Port 0 takes a free one. Raises OSError if it is taken.

    `share_port` lets several processes listen on one port; the system spreads connections over them. With `tls`
    nothing else is spoken.
    """
    config = Config(
        cast("Any", app),
        http=_Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=keep_alive_s,
    )
    config.load()
    state, lifespan = ServerState(), config.lifespan_class(config)
    await lifespan.startup()
    if lifespan.should_exit:
        raise RuntimeError("the application failed to start")
    loop = asyncio.get_running_loop()

    def speak() -> _Protocol:
        protocol = _Protocol(config, state, lifespan.state, loop)
        protocol.patience = patience
        return protocol

    try:
        listener = await loop.create_server(
            speak,
            host,
            port,
            backlog=1024,
            reuse_port=share_port or None,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else patience.head_s,
        )
    except OSError:
        await lifespan.shutdown()
        raise
    return Server(listener, state, lifespan, grace_s, secure=tls is not None)
