"""Something from a cloud that is good for a while, renewed before it runs out and never while a request waits for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from foreroute.core.errors import CredentialsError

_log = logging.getLogger(__name__)

Value = TypeVar("Value")

_AHEAD: Final = 0.8
"""Renewed when this part of its life has passed."""
_AHEAD_MIN_S: Final = 300.0
"""And at the latest so long before its end, if it lives that long at all."""
_AGAIN_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
_PATIENCE_S: Final = 30.0
"""Somebody's own metadata server can hang."""


@dataclass(frozen=True, slots=True)
class Lease(Generic[Value]):
    """`value` is good until `until`, in seconds since the epoch."""

    value: Value
    until: float


@dataclass(slots=True, kw_only=True)
class Renewal(Generic[Value]):
    """Keeps one lease. `fetch` blocks, runs in a thread and raises whatever its kit raises.

    Nobody waits but the very first, and whoever comes after a lease has ended because it could not be renewed.
    """

    name: str
    """The account's name, for messages. What is fetched is never shown."""
    fetch: Callable[[], Lease[Value]]
    now: Callable[[], float]
    apart: Callable[[Callable[[], Lease[Value]]], Awaitable[Lease[Value]]] = asyncio.to_thread
    """Runs what blocks where it holds nobody up."""
    patience_s: float = _PATIENCE_S
    _lease: Lease[Value] | None = None
    _underway: asyncio.Task[Lease[Value]] | None = None
    _timer: asyncio.TimerHandle | None = None
    _failures: int = 0
    _closed: bool = False

    async def value(self) -> Value:
        """Raises CredentialsError."""
        lease = self._lease
        if lease is not None and self.now() < lease.until:
            return lease.value
        return (await asyncio.shield(self._renewing())).value

    def refused(self) -> None:
        """The cloud does not take what is held, although it should be good: the next who asks gets another one."""
        self._lease = None

    def warm(self) -> None:
        """Fetch the first lease now, so that no request has to wait for it. From the event loop."""
        if self._lease is None:
            self._renewing()

    def close(self) -> None:
        """No more renewals of its own accord; who still asks is still answered."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _renewing(self) -> "Awaitable[Lease[Value]]":
        if self._underway is None:
            self._underway = asyncio.get_running_loop().create_task(self._renew())
            self._underway.add_done_callback(self._ended)
        return self._underway

    async def _renew(self) -> Lease[Value]:
        try:
            async with asyncio.timeout(self.patience_s):
                return await self.apart(self.fetch)
        except Exception as error:
            said = (
                "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
            )
            raise CredentialsError(f"the account {self.name} could not be renewed: {said}") from error

    def _ended(self, task: asyncio.Task[Lease[Value]]) -> None:
        self._underway = None
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            delay = _AGAIN_S[min(self._failures, len(_AGAIN_S) - 1)]
            self._failures += 1
            _log.warning("credentials_not_renewed", extra={"account": self.name, "error": str(error)})
        else:
            self._lease, self._failures = task.result(), 0
            delay = _next_s(task.result().until - self.now())
        if self._timer is not None:
            self._timer.cancel()
        if self._closed:
            return
        self._timer = asyncio.get_running_loop().call_later(delay, self._renewing)


def _next_s(life_s: float) -> float:
    """Seconds until a lease that lives for `life_s` is renewed."""
    return max(1.0, min(_AHEAD * life_s, life_s - min(_AHEAD_MIN_S, life_s / 2)))
