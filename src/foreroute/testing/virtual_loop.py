"""An asyncio event loop on virtual time that also carries real loopback sockets.

Time stands still while anything can be done, and jumps to the next timer when nothing can. Between
two instants of virtual time, everything that was sent over loopback has been received and answered, so what is
measured on this loop depends on the program alone, never on the machine: the same seed gives the same run.

With `speed` the jumps are held back to the pace of a wall clock (`speed` virtual seconds per real one), so
that people and other threads can take part. When the machine cannot keep up, virtual time lags; no
measurement is stretched.

Other threads live on the same time through `LoopClock`: while such a thread works, virtual time waits for it.
"""

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")
_Ready = list[tuple[selectors.SelectorKey, int]]


class _VirtualSelector(selectors.BaseSelector):
    """A real selector whose waiting is virtual: it reports I/O, or else moves virtual time on."""

    def __init__(self, speed: float | None, *, alone: bool = False) -> None:
        self._real = selectors.DefaultSelector()
        self._alone = alone
        self._speed = speed
        self._holds = 0
        self._started_at = time.monotonic()
        self.now = 0.0

    def hold(self, change: int) -> None:
        self._holds += change

    def select(self, timeout: float | None = None) -> _Ready:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        # A second look: a loopback packet may be a scheduler's turn away from its socket.
        if not self._alone:
            time.sleep(0)
        ready = self._real.select(0)
        if ready:
            return ready
        if self._holds or timeout is None:
            return self._real.select(None)
        return self._advance(timeout)

    def _advance(self, timeout: float) -> _Ready:
        target = self.now + timeout
        if self._speed is not None:
            ready = self._real.select(max(0.0, self._started_at + target / self._speed - time.monotonic()))
            if ready:
                return ready
            if self._started_at + target / self._speed > time.monotonic():
                return []
        self.now = target
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module. `time()` is virtual seconds since the loop was made.

    With nothing left to wait for but I/O that never comes, the loop waits for good, as any loop would.
    """

    def __init__(self, *, speed: float | None = None, alone: bool = False) -> None:
        """`alone`: whoever talks over its sockets lives on this loop, so that nothing has to be waited for. On a busy
        machine that spares a turn of the scheduler at every jump.
        """
        self._virtual = _VirtualSelector(speed, alone=alone)
        super().__init__(self._virtual)
        # A timer is due exactly when virtual time has reached it; no slack is needed.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._virtual.now

    def hold(self) -> "Hold":
        """Stops virtual time until the hold is released. For work on another thread. Thread-safe."""
        return Hold(self)

    def change_holds(self, change: int) -> None:
        self._virtual.hold(change)


class Hold:
    """Virtual time stands still while a hold is taken. `take` on the loop's thread; `release` on any, once or more."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._taken = False

    def take(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                self._loop.change_holds(+1)

    def release(self) -> None:
        with self._lock:
            if not self._taken:
                return
            self._taken = False
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.change_holds, -1)


class LoopClock:
    """A `Clock` on a virtual-time loop. Instants are `epoch_at` + virtual seconds.

    Used on the loop itself it is an ordinary clock. Used by one other thread, virtual time waits from the
    moment the thread is woken until it sleeps again: `start` before the thread starts, `leave` when it
    ends for whatever reason.
    """

    def __init__(self, loop: VirtualTimeLoop, *, epoch_at: float) -> None:
        self._loop = loop
        self._epoch_at = epoch_at
        self._hold = loop.hold()

    def now(self) -> float:
        return self._epoch_at + self._loop.time()

    async def sleep_until(self, at: float) -> None:
        running = asyncio.get_running_loop()
        if running is self._loop:
            await asyncio.sleep(max(0.0, at - self.now()))
            return
        woken: asyncio.Future[None] = running.create_future()
        self._loop.call_soon_threadsafe(self._wake_at, at, running, woken)
        await woken

    def start(self) -> None:
        """Virtual time waits for the other thread from now on. Call it on the loop's thread."""
        self._hold.take()

    def leave(self) -> None:
        """The other thread is gone; virtual time waits for it no longer. Call it from any thread."""
        self._hold.release()

    def _wake_at(self, at: float, sleeper: asyncio.AbstractEventLoop, woken: "asyncio.Future[None]") -> None:
        def wake() -> None:
            if not sleeper.is_closed() and not woken.cancelled():
                self._hold.take()
                sleeper.call_soon_threadsafe(_finish, woken)

        self._loop.call_at(max(self._loop.time(), at - self._epoch_at), wake)
        self._hold.release()


def _finish(woken: "asyncio.Future[None]") -> None:
    if not woken.done():
        woken.set_result(None)


def run_virtual(
    main: Callable[[VirtualTimeLoop], Coroutine[Any, Any, _T]],
    *,
    speed: float | None = None,
    alone: bool = False,
) -> _T:
    """Runs `main(loop)` to its end on a new virtual-time loop, like `asyncio.run`."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(speed=speed, alone=alone)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualTimeLoop)  # noqa: S101 - for the type checker
        return runner.run(main(loop))
