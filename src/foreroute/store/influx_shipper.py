"""Carries the outbox to a server, beside everything else: in order, in batches, again and again until it is taken.

Only this waits for the server. Whoever appends has an answer as soon as the rollups are on disk.
"""

import asyncio
import contextlib
import fcntl
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import IO, Any, Final, TypeVar

from foreroute.core.errors import StoreError, StoreUnavailable
from foreroute.core.rollup import Rollup
from foreroute.store.influx_http import InfluxError, Trouble
from foreroute.store.influx_outbox import Outbox, Waiting

_log: Final = logging.getLogger("foreroute.store")
_POLL_S: Final = 1.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipping:
    batch: int = 1000
    first_pause_s: float = 0.5
    pause_s_max: float = 30.0
    """Each pause is twice the one before it, and of it some share between a half and all, by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingState:
    """How it goes, for people and alerts."""

    waiting: Waiting = field(default_factory=Waiting)
    shipped: int = 0
    refused: int = 0
    """Rollups that the server will never take: they are older than its retention, or it cannot read them."""
    trouble: Trouble | None = None
    error: str = ""
    failures: int = 0
    """Failed tries in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What the shipper does with the world, and what it takes from it."""

    send: Callable[[Sequence[Rollup]], Awaitable[None]]
    """Raises InfluxError."""
    probe: Callable[[], Awaitable[None]]
    """Raises InfluxError while the server is away."""
    lock: Path
    """Of several processes with the same outbox, the one that holds this file's lock ships."""
    chance: Random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Shipper:
    """Between `start` and `close` it ships by itself. Lives on one event loop."""

    def __init__(self, outbox: Outbox, settings: Shipping, ways: Ways) -> None:
        self._outbox, self._settings, self._ways = outbox, settings, ways
        self.state = ShippingState()
        self.turn = asyncio.Lock()
        """Held while something at the server is read, changed and written again."""
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lock: IO[str] | None = None

    async def start(self) -> None:
        self.state = replace(self.state, waiting=await self._outbox.open())
        self._news.set()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """What waits stays in the file. A batch that is on its way is sent again by the next run: it is there once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def leads(self) -> bool:
        """Whether this is the process that ships."""
        if self._lock is None:
            held = self._ways.lock.open("a")
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                held.close()
                return False
            self._lock = held
        return True

    @property
    def is_away(self) -> bool:
        return self.state.failures > 0

    async def told(self) -> None:
        """Something has been put into the outbox."""
        before = self.state.waiting.dropped
        waiting = await self._outbox.size()
        self.state = replace(self.state, waiting=waiting)
        if waiting.dropped > before:
            _log.error(
                "rollups_dropped",
                extra={
                    "dropped": waiting.dropped - before,
                    "dropped_ever": waiting.dropped,
                    "why": "more rollups wait for the server than there is room for, so the oldest go",
                    "hint": "bring the server back, or raise spill_max",
                    "error": self.state.error,
                },
            )
        self._news.set()

    async def flush(self) -> bool:
        """Ships all that waits, now; whether that was possible. While the server is away it is not even tried."""
        while self.leads and not self.is_away:
            if not await self._ship():
                return not self.is_away
        return False

    async def asked(self, work: Coroutine[Any, Any, _T]) -> _T:
        """What the server answers; while it is known to be away, StoreUnavailable at once. Raises InfluxError."""
        if self.is_away:
            work.close()
            raise StoreUnavailable(f"{self.state.error} ({self.state.failures} tries in a row)")
        try:
            return await work
        except InfluxError as error:
            self.failed(error)
            self._news.set()
            raise

    async def _run(self) -> None:
        while True:
            try:
                shipped = self.leads and await self._ship()
                if not shipped and self.is_away:
                    await self._try_again()
            except (StoreError, OSError):  # the file with the outbox: its own users hear of it as well
                _log.exception("outbox_failed")
                await self._ways.sleep(self._settings.pause_s_max)
                continue
            if self.is_away:
                await self._ways.sleep(self._pause_s())
            elif not shipped:
                self._news.clear()
                with contextlib.suppress(TimeoutError):  # another process may put something in, or may end
                    await asyncio.wait_for(self._news.wait(), _POLL_S)

    async def _ship(self) -> bool:
        """One batch; whether there was one and it is gone."""
        async with self.turn:
            batch = await self._outbox.first(self._settings.batch)
            if not batch:
                return False
            try:
                refused = await self._send([rollup for _, rollup in batch])
            except InfluxError as error:
                self.failed(error)
                return False
            await self._outbox.remove([number for number, _ in batch])
        self._went_well(len(batch) - refused, refused, await self._outbox.size())
        return True

    async def _send(self, rollups: Sequence[Rollup]) -> int:
        """How many of them the server will never take. Raises InfluxError for those that it may take later."""
        try:
            await self._ways.send(rollups)
        except InfluxError as error:
            if error.trouble is Trouble.EXPIRED:
                return self._give_up(rollups, error, _dropped_of(str(error), len(rollups)))
            if error.trouble is not Trouble.UNREADABLE:
                raise
            if len(rollups) == 1:
                return self._give_up(rollups, error, 1)
            middle = len(rollups) // 2
            return await self._send(rollups[:middle]) + await self._send(rollups[middle:])
        return 0

    def _give_up(self, rollups: Sequence[Rollup], error: InfluxError, count: int) -> int:
        starts = [rollup.window_start for rollup in rollups]
        _log.error(
            "rollups_refused",
            extra={
                "refused": count,
                "of": len(rollups),
                "first_window_at": min(starts),
                "last_window_at": max(starts),
                "error": str(error),
            },
        )
        return count

    async def _try_again(self) -> None:
        """With nothing to ship, only a question tells that the server is back."""
        if (await self._outbox.size()).rollups == 0:
            try:
                await self._ways.probe()
            except InfluxError as error:
                self.failed(error)
            else:
                self._went_well(0, 0, self.state.waiting)

    def failed(self, error: InfluxError) -> None:
        before = self.state
        self.state = replace(before, trouble=error.trouble, error=str(error), failures=before.failures + 1)
        if before.trouble is not error.trouble:
            _log.warning(
                "rollups_wait",
                extra={
                    "trouble": error.trouble.value,
                    "error": str(error),
                    "waiting": before.waiting.rollups,
                },
            )

    def _went_well(self, shipped: int, refused: int, waiting: Waiting) -> None:
        before = self.state
        self.state = replace(
            before,
            waiting=waiting,
            shipped=before.shipped + shipped,
            refused=before.refused + refused,
            trouble=None,
            error="",
            failures=0,
        )
        if before.failures:
            _log.warning("rollups_go_again", extra={"waiting": waiting.rollups, "tries": before.failures})

    def _pause_s(self) -> float:
        settings = self._settings
        doubled = settings.first_pause_s * 2.0 ** min(self.state.failures - 1, 32)
        return min(settings.pause_s_max, doubled) * self._ways.chance.uniform(0.5, 1.0)


def _dropped_of(sentence: str, at_most: int) -> int:
    """How many points the server says it has not taken: `dropped=12`."""
    _, _, number = sentence.partition("dropped=")
    digits = number[: len(number) - len(number.lstrip("0123456789"))]
    return min(int(digits), at_most) if digits else at_most
