import asyncio
import threading

import pytest

from foreroute.control.thread import ControlThread


async def test_work_runs_on_the_threads_own_loop() -> None:
    stop = asyncio.Event

    class Main:
        def __init__(self) -> None:
            self.done: asyncio.Event | None = None

        async def run(self) -> None:
            self.done = stop()
            await self.done.wait()

        async def name(self) -> str:
            return threading.current_thread().name

        async def finish(self) -> None:
            assert self.done is not None
            self.done.set()

    main = Main()
    thread = ControlThread(main.run)
    thread.start()
    assert thread.call(main.name).result(5) == "foreroute-control"
    thread.call(main.finish).result(5)
    assert thread.join(5)
    assert thread.error is None
    with pytest.raises(RuntimeError, match="not running"):
        thread.call(main.name)


async def test_a_crash_is_kept_and_the_exit_hook_runs() -> None:
    left = threading.Event()

    async def crash() -> None:
        raise ValueError("out of order")

    thread = ControlThread(crash, on_exit=left.set)
    thread.start()
    assert thread.join(5)
    assert left.is_set()
    assert isinstance(thread.error, ValueError)


async def test_killing_ends_it_where_it_stands() -> None:
    left, started = threading.Event(), threading.Event()

    async def forever() -> None:
        started.set()
        await asyncio.Event().wait()

    thread = ControlThread(forever, on_exit=left.set)
    thread.start()
    assert started.wait(5)
    thread.kill()
    assert thread.join(5)
    assert left.is_set()
    assert isinstance(thread.error, asyncio.CancelledError)
