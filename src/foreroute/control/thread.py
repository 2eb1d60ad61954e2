"""The control plane's own thread: an ordinary event loop for the control loop and the dashboard.

The gateway's loop never waits for it. If it dies, `alive` turns false and the gateway goes on by its last plan.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

_log: Final = logging.getLogger("foreroute.control")
_T = TypeVar("_T")


class ControlThread:
    """Runs `main()` on a new event loop in a daemon thread. `on_exit` runs there last, however it ends."""

    def __init__(
        self, main: Callable[[], Awaitable[None]], *, on_exit: Callable[[], None] = lambda: None
    ) -> None:
        self._main = main
        self._on_exit = on_exit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = threading.Event()
        self._killed = False
        self._thread = threading.Thread(target=self._run, name="foreroute-control", daemon=True)
        self.error: BaseException | None = None
        """What ended it, if it was not asked to end."""

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def call(self, work: Callable[[], Awaitable[_T]]) -> "Future[_T]":
        """Runs work on the control loop from another thread. Raises RuntimeError when the thread is gone."""
        self._ready.wait(timeout=10.0)
        loop = self._loop
        if loop is None or loop.is_closed():
            raise RuntimeError("the control thread is not running")

        async def run() -> _T:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), loop)

    def kill(self) -> None:
        """Ends the thread where it stands, without any farewell: for drills and tests."""
        self._killed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._cancel)

    def join(self, timeout_s: float) -> bool:
        """Waits for the thread's end; False when it did not come in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel("killed")

    def _run(self) -> None:
        try:
            asyncio.run(self._supervise())
        except BaseException as error:  # noqa: BLE001 - the thread boundary: kept for the owner to read
            self.error = error
            level = logging.INFO if self._killed else logging.ERROR
            _log.log(level, "control_thread_ended", extra={"error": f"{type(error).__name__}: {error}"})
        finally:
            self._on_exit()

    async def _supervise(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(_as_task(self._main()))
        self._ready.set()
        await self._task


async def _as_task(work: Awaitable[Any]) -> None:
    await work
