"""One connection to Redis or Valkey on which calls go out in their order, many at a time, each in bounded time.

Calls that come while others are under way wait for them and then go out together: so there is one round trip at a
time, and what was called first is done first. When the server does not answer in time, or says that it cannot, the
link is down: it fails every call at once, without a wait, and tries by itself to come up again. What was posted
stays due and goes out first when it does.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from foreroute.core.errors import ForerouteError, StoreUnavailable
from foreroute.store.redis_calls import Call, LinkSettings, LinkState, Reply, Wire, fail, is_down, within

_log: Final = logging.getLogger("foreroute.shared")
_BATCH_MAX: Final = 256
_BESIDE_MAX: Final = 64
"""So many posted calls go out together with those that somebody waits for."""
_TRIES: Final = 3


class RedisLink:
    """`greet` is called with each new connection, before any other call, and with each beat: it raises
    StoreUnavailable if the server cannot be used.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Wire]],
        greet: Callable[[Wire, bool], Awaitable[None]],
        settings: LinkSettings,
        now: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.state = LinkState(since_at=now())
        self._connect, self._greet, self._now = connect, greet, now
        self._posted: deque[Call] = deque()
        self._asked: deque[Call] = deque()
        self._work = asyncio.Event()
        self._sending = 0
        self._idle = asyncio.Event()
        """Set while nothing is due, or nothing can be told."""
        self._task: asyncio.Task[None] | None = None

    @property
    def due(self) -> int:
        return len(self._posted)

    @property
    def is_sending(self) -> bool:
        return self._sending > 0

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def post(self, call: Call, *, first: bool = False) -> None:
        """Sends it as soon as that is possible, and again until it is answered."""
        if len(self._posted) >= self.settings.posted_max:
            self._drop(self._posted.popleft(), "too many are due")
        if first:
            self._posted.appendleft(call)
        else:
            self._posted.append(call)
        self._work.set()
        self._settle_idle()

    async def ask(self, call: Call) -> Reply:
        """The reply. Raises StoreUnavailable, at the latest after the time that a call may take."""
        if not self.state.is_up:
            raise StoreUnavailable(self.state.problem)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        call.future = future
        self._asked.append(call)
        self._work.set()
        try:
            if not await within(future, self.settings.timeout_s):
                self.fall(self._too_slow())  # the next one does not wait for the same
                raise StoreUnavailable(self.state.problem)
            return future.result()
        finally:
            future.cancel()

    async def flushed(self, patience_s: float) -> None:
        """Waits until nothing is due, for as long as it is up, and no longer than that."""
        self._settle_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._idle.wait()

    async def farewell(self, call: Call, patience_s: float) -> None:
        """The last thing that is told, if it is up."""
        if self.state.is_up:
            self.post(call)
            await self.flushed(patience_s)

    def fall(self, problem: str) -> None:
        state = self.state
        if state.is_up:
            state.is_up, state.since_at = False, self._now()
            state.falls += 1
            state.ready.clear()
            _log.error("shared_state_lost", extra={"error": problem})
        elif state.problem != problem:
            _log.warning("shared_state_still_lost", extra={"error": problem})
        state.problem = problem
        waiting, self._asked = self._asked, deque()
        for call in waiting:
            fail(call, problem)
        self._work.set()
        self._idle.set()

    def _settle_idle(self) -> None:
        if self.state.is_up and (self._posted or self._sending):
            self._idle.clear()
        else:
            self._idle.set()

    def _rise(self) -> None:
        state = self.state
        _log.info("shared_state_found", extra={"lost_for_s": round(self._now() - state.since_at, 3)})
        state.is_up, state.since_at, state.problem = True, self._now(), ""
        state.ready.set()

    async def _run(self) -> None:
        settings, backoff_s = self.settings, self.settings.backoff_s
        while True:
            wire: Wire | None = None
            risen_at = self._now()
            try:
                wire = await self._open()
                self._rise()
                await self._serve(wire)
            except ForerouteError as error:
                self.fall(str(error))
            except Exception as error:  # noqa: BLE001 - the boundary of the link: whatever the client raises
                self.fall(f"{type(error).__name__}: {error}")
            finally:
                if wire is not None:
                    with contextlib.suppress(Exception):
                        await wire.close()
            if self._now() - risen_at >= settings.steady_s:
                backoff_s = settings.backoff_s
            await asyncio.sleep(backoff_s)
            backoff_s = min(settings.backoff_s_max, 2.0 * backoff_s)

    async def _open(self) -> Wire:
        try:
            async with asyncio.timeout(self.settings.connect_timeout_s):
                wire = await self._connect()
        except TimeoutError:
            raise StoreUnavailable(
                f"no connection within {self.settings.connect_timeout_s * 1000:.0f} ms"
            ) from None
        try:
            await self._in_time(self._greet(wire, True))
        except BaseException:
            with contextlib.suppress(Exception):
                await wire.close()
            raise
        return wire

    async def _serve(self, wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self.settings.beat_s
        while self.state.is_up:
            if not (self._posted or self._asked):
                self._work.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, beat_at - loop.time())):
                        await self._work.wait()
            if loop.time() >= beat_at:
                beat_at = loop.time() + self.settings.beat_s
                await self._in_time(self._greet(wire, False))
            await self._send(wire)
            self._sending = 0
            self._settle_idle()

    async def _send(self, wire: Wire) -> None:
        """Everything that waits, posted calls first, in one round trip."""
        many = _BESIDE_MAX if self._asked else _BATCH_MAX
        calls = [self._posted.popleft() for _ in range(min(many, len(self._posted)))]
        posted = len(calls)
        while self._asked and len(calls) < _BATCH_MAX:
            call = self._asked.popleft()
            if call.future is not None and not call.future.done():
                calls.append(call)
        if not calls:
            return
        for call in calls:
            call.is_sent = True
        left, self._sending = list(calls), len(calls)
        try:
            replies = await self._in_time(wire.send([call.command() for call in calls]))
            problem = ""
            for call, reply in zip(calls, replies, strict=True):
                problem = self._take(call, reply, left) or problem
            _raise_if(problem)
        except BaseException as error:
            self._posted.extendleft(reversed([call for call in calls[:posted] if call in left]))
            for call in calls[posted:]:
                fail(call, str(error))
            raise

    def _take(self, call: Call, reply: Any, left: list[Call]) -> str:
        """What is wrong with the server, if anything is."""
        if not isinstance(reply, Exception):
            left.remove(call)
            if call.future is not None and not call.future.done():
                call.future.set_result(reply)
            if call.answered is not None:
                call.answered(reply)
            return ""
        call.tries += 1
        if call.future is None and call.tries >= _TRIES and not is_down(reply):
            left.remove(call)
            self._drop(call, str(reply))
            return ""
        fail(call, str(reply))
        return str(reply) or type(reply).__name__

    def _drop(self, call: Call, why: str) -> None:
        self.state.dropped += 1
        _log.error("shared_call_dropped", extra={"call": call.command()[0], "error": why})

    async def _in_time(self, work: Awaitable[Any]) -> Any:
        task = asyncio.ensure_future(work)
        try:
            if not await within(task, self.settings.timeout_s):
                raise StoreUnavailable(self._too_slow())
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _too_slow(self) -> str:
        return f"it does not answer within {self.settings.timeout_s * 1000:.0f} ms"


def _raise_if(problem: str) -> None:
    if problem:
        raise StoreUnavailable(problem)
