"""Name lookup that remembers: when a resolver fails or hangs, the last good answer serves for a while."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

_HOSTS_MAX: Final = 1000
_TROUBLE_S: Final = 15.0
"""After a failure the resolver is left alone for so long, and nobody waits for it."""
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
        self._trouble_until: dict[_Key, float] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError when there is neither a new answer nor a good one: a silent resolver is one that fails."""
        key = (host, port, int(family))
        kept = self._kept(key)
        if kept is not None and self._now() < self._trouble_until.get(key, 0.0):
            return list(kept)
        try:
            async with asyncio.timeout(self._wait_s):
                found = await self._inner.resolve(host, port, family)
        except (OSError, TimeoutError) as error:
            if kept is not None:
                self._trouble_until[key] = self._now() + _TROUBLE_S
                return list(kept)
            if isinstance(error, TimeoutError):
                raise OSError(f"the resolver said nothing about {host} for {self._wait_s:g} s") from error
            raise
        if found:
            self._trouble_until.pop(key, None)
            self._good.pop(key, None)
            self._good[key] = (self._now(), list(found))
            if len(self._good) > _HOSTS_MAX:
                forgotten = next(iter(self._good))
                del self._good[forgotten]
                self._trouble_until.pop(forgotten, None)
        return found

    async def close(self) -> None:
        await self._inner.close()

    def _kept(self, key: _Key) -> list[ResolveResult] | None:
        at, found = self._good.get(key, (0.0, None))
        return found if found is not None and self._now() - at < self._keep_s else None
