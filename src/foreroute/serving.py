"""Any ASGI application on a real socket of the running event loop, without a timer of its own.

uvicorn's protocol does the HTTP. Its server is not used: it takes over signals and wakes ten times a
second, which a loop on virtual time would have to live through, minute by simulated minute.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self, cast

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

App = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
"""An ASGI application."""


class _Protocol(HttpToolsProtocol):
    """Offers the application two extensions, each in `scope["extensions"]`.

    `foreroute.cut`: end the connection as it is now. `foreroute.on_disconnect`: name a function to be called when the
    client is gone before its response has ended, which spares a task that does nothing but wait for it.
    """

    _left: Callable[[], None] | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(cast("asyncio.Transport", _Joined(transport, self.loop)))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._left = None
        cast("dict[str, Any]", cycle.scope)["extensions"] = {
            "foreroute.cut": cycle.transport.close,
            "foreroute.on_disconnect": self._on_disconnect,
        }
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
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

    def __init__(self, listener: asyncio.Server, state: ServerState, lifespan: Any, grace_s: float) -> None:
        self.host, self.port = listener.sockets[0].getsockname()[:2]
        self._listener = listener
        self._state = state
        self._lifespan = lifespan
        self._grace_s = grace_s

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

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
) -> Server:
    """Start serving; returns when the socket listens. Port 0 takes a free one. Raises OSError if it is taken.

    `share_port` lets several processes listen on one port; the system spreads connections over them.
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
    try:
        listener = await loop.create_server(
            lambda: _Protocol(config, state, lifespan.state, loop),
            host,
            port,
            backlog=1024,
            reuse_port=share_port or None,
        )
    except OSError:
        await lifespan.shutdown()
        raise
    return Server(listener, state, lifespan, grace_s)
