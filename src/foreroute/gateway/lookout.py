"""Whether the hosts of channels can still be reached, asked only when somebody has heard nothing for a while.

A region whose packets vanish sends neither a refusal nor a reset, and an answer that takes long looks the same for a
minute. So when a request has waited for half a second without a byte from its host, and nobody else has heard from it
either, the host is called twice, as TCP does (a lost packet must not pass for a lost region). When both calls are in vain,
all who wait for it are told, and whoever comes next is told at once, until a call goes through again.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

Address = tuple[str, int]
Call = Callable[[Address], Awaitable[bool]]
"""Whether there is somebody at an address; never raises."""

_STILL_S: Final = 0.5
_AGAIN_S: Final = 1.0
_CALL_S: Final = 1.0
_STAGGER_S: Final = 0.25
_IDLE_S: Final = 5.0
"""So long a watch stays although nobody waits: to begin one for every request would cost more."""


async def call(address: Address) -> bool:
    """One connection, closed at once. A refusal comes from a host that is there, and so does not knowing its name."""
    try:
        async with asyncio.timeout(_CALL_S):
            _, writer = await asyncio.open_connection(*address)
    except (ConnectionRefusedError, socket.gaierror):
        return True
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


@dataclass(slots=True)
class _Host:
    waiting: dict[int, asyncio.Timeout] = field(default_factory=dict)
    since: float = 0.0
    """Since when somebody has waited without that anybody heard anything."""
    used_at: float = 0.0
    is_gone: bool = False
    watch: asyncio.Task[None] | None = None


class Lookout:
    """Lives on the gateway's event loop. While all is well it costs a dictionary entry a request, and calls nobody."""

    def __init__(self, call: Call = call) -> None:
        self._call = call
        self._hosts: dict[Address, _Host] = {}

    def is_gone(self, address: Address) -> bool:
        host = self._hosts.get(address)
        return host is not None and host.is_gone

    def wait(self, address: Address, limit: asyncio.Timeout) -> None:
        """Somebody waits for a byte of this host, within `limit`, which ends when the host turns out to be gone."""
        loop, host = asyncio.get_running_loop(), self._hosts.setdefault(address, _Host())
        if not host.waiting:
            host.since = loop.time()
        host.waiting[id(limit)], host.used_at = limit, loop.time()
        if host.watch is None:
            host.watch = loop.create_task(self._watch(address, host))

    def done(self, address: Address, limit: asyncio.Timeout, *, heard: bool) -> None:
        """The wait is over. `heard`: because something came, be it an error."""
        host = self._hosts.get(address)
        if host is None:
            return
        host.waiting.pop(id(limit), None)
        if heard:
            host.since, host.is_gone = asyncio.get_running_loop().time(), False

    async def aclose(self) -> None:
        tasks = [host.watch for host in self._hosts.values() if host.watch is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._hosts.clear()

    async def _watch(self, address: Address, host: _Host) -> None:
        loop = asyncio.get_running_loop()
        try:
            while host.waiting or host.is_gone or loop.time() - host.used_at < _IDLE_S:
                still_s = host.since + _STILL_S - loop.time()
                if not host.is_gone and (not host.waiting or still_s > 0):
                    await asyncio.sleep(still_s if host.waiting else _STILL_S)
                    continue
                await self._look(address, host)
                await asyncio.sleep(_AGAIN_S if host.is_gone else _STILL_S)
        finally:
            host.watch = None
            if not host.waiting and not host.is_gone:
                self._hosts.pop(address, None)

    async def _look(self, address: Address, host: _Host) -> None:
        loop, since = asyncio.get_running_loop(), host.since
        if await self._answers(address):
            host.is_gone, host.since = False, loop.time()
        elif host.is_gone or host.since == since:  # nobody has heard from it meanwhile
            host.is_gone = True
            for limit in host.waiting.values():
                limit.reschedule(loop.time())

    async def _answers(self, address: Address) -> bool:
        """Two calls, the second a little later: one that goes through is enough."""
        first = asyncio.ensure_future(self._call(address))
        second: asyncio.Future[bool] | None = None
        try:
            done, _ = await asyncio.wait([first], timeout=_STAGGER_S)
            if done and first.result():
                return True
            second = asyncio.ensure_future(self._call(address))
            for one in asyncio.as_completed([second] if done else [first, second]):
                if await one:
                    return True
            return False
        finally:
            first.cancel()
            if second is not None:
                second.cancel()
