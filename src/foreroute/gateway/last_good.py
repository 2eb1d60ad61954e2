"""Name lookup that remembers: when a resolver fails or hangs, the last good answer serves for a while."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

_HOSTS_MAX: Final = 1000
_Key = tuple[str, int, int]


class LastGoodResolver(AbstractResolver):
    """Asks `inner`. An answer is good for `keep_s` after it was given, should `inner` fail or take over `wait_s`."""

    def __init__(
        self,
        inner: AbstractResolver,
        *,
        now: Callable[[], float],
        keep_s: float = 3600.0,
        wait_s: float = 2.0,
    ) -> None:
        self._inner = inner
        self._now = now
        self._keep_s = keep_s
        self._wait_s = wait_s
        self._good: dict[_Key, tuple[float, list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError when there is neither a new answer nor a good one."""
        key = (host, port, int(family))
        kept = self._kept(key)
        try:
            async with asyncio.timeout(None if kept is None else self._wait_s):
                found = await self._inner.resolve(host, port, family)
        except (OSError, TimeoutError):
            if kept is None:
                raise
            return list(kept)
        if found:
            self._good.pop(key, None)
            self._good[key] = (self._now(), list(found))
            if len(self._good) > _HOSTS_MAX:
                del self._good[next(iter(self._good))]
        return found

    async def close(self) -> None:
        await self._inner.close()

    def _kept(self, key: _Key) -> list[ResolveResult] | None:
        at, found = self._good.get(key, (0.0, None))
        return found if found is not None and self._now() - at < self._keep_s else None
