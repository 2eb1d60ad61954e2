"""New connections, timed for the request that wanted them. aiohttp's own tracing would tell the same, and cost every
request that finds a connection open another sixteen microseconds.
"""

import asyncio
import errno
import socket
import ssl
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import aiohttp

from foreroute.core.channel import Reach
from foreroute.gateway.ports import UpstreamRequest
from foreroute.gateway.reach import why_not

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.tracing import Trace


class TimedConnector(aiohttp.TCPConnector):
    """Writes what a new connection took on the request that this task has named last."""

    def __init__(
        self,
        *,
        keepalive_s: float,
        resolver: "AbstractResolver",
        reach: Reach = Reach.ANY,
        use_dns_cache: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` None: whom the system trusts. Connections that lead beyond `reach` are not made."""
        super().__init__(
            limit=0,
            keepalive_timeout=keepalive_s,
            use_dns_cache=use_dns_cache,
            ssl=tls or True,
            resolver=resolver,
            socket_factory=self._socket,
        )
        self._reach = reach
        self._wanted_by: ContextVar[UpstreamRequest | None] = ContextVar("wanted_by", default=None)

    def wanted_by(self, request: UpstreamRequest) -> None:
        self._wanted_by.set(request)

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The last word on an address, after every look-up. Raises PermissionError."""
        family, kind, protocol, _, address = info
        if (why := why_not(address[0], self._reach)) is not None:
            raise PermissionError(errno.EACCES, f"not called: {why} (channels[].reach)")
        return socket.socket(family, kind, protocol)

    async def _create_connection(
        self,
        req: "ClientRequest",
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the base class names it so
    ) -> "ResponseHandler":
        clock = asyncio.get_running_loop()
        began_at = clock.time()
        made = await super()._create_connection(req, traces, timeout)
        if (request := self._wanted_by.get()) is not None:
            request.connect_s = clock.time() - began_at
        return made
