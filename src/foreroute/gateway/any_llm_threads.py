"""Providers whose client blocks (AWS's): each call on a thread and event loop of its own, its chunks handed over.

The library reads their streams on the event loop that it is called from, which would stop the gateway between two
chunks. A thread for each call is heavier than a task; it is the price of that client.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


class Notes(threading.local):
    """What the client's hooks find out, on the thread of the call that it is about."""

    call: "ThreadedCall | None" = None


@dataclass(frozen=True, slots=True)
class _Said:
    """What a thread tells: a whole answer, that a stream has begun or is over, a chunk of it, an error."""

    kind: str
    value: Any = None


class ThreadedCall:
    """One call of a blocking provider. Iterated, it is the streamed answer."""

    def __init__(self, ask: Callable[[], Awaitable[Any]], notes: Notes) -> None:
        self._ask = ask
        self._notes = notes
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[_Said] = asyncio.Queue()
        self._stopped = threading.Event()
        self._stream: Any = None

    async def answer(self) -> Any:
        """The whole answer, or this call itself once its stream has begun. Raises what the provider's client did."""
        threading.Thread(target=self._run, name="foreroute-adapter", daemon=True).start()
        try:
            said = await self._listen()
        except BaseException:
            self.stop()
            raise
        return said.value if said.kind == "whole" else self

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        said = await self._listen()
        if said.kind == "end":
            raise StopAsyncIteration
        return said.value

    async def aclose(self) -> None:
        self.stop()

    def stop(self) -> None:
        """From any thread. A read that waits is woken by shutting its socket: closing it alone would not do."""
        self._stopped.set()
        if self._stream is not None:
            with suppress(Exception):
                self._stream._raw_stream.shutdown()  # noqa: SLF001 - there is no public way to it

    def streams(self, stream: Any) -> None:
        """On the call's own thread: what is to be shut when nobody wants the rest."""
        self._stream = stream
        if self._stopped.is_set():
            self.stop()

    async def _listen(self) -> _Said:
        said = await self._inbox.get()
        if said.kind == "error":
            raise said.value
        return said

    def _run(self) -> None:
        self._notes.call = self
        try:
            with asyncio.Runner() as runner:
                runner.get_loop().set_default_executor(_SameThread())
                runner.run(self._talk())
        finally:
            self._notes.call = None
            if self._stream is not None:
                with suppress(Exception):
                    self._stream.close()

    async def _talk(self) -> None:
        try:
            answer = await self._ask()
            if not hasattr(answer, "__aiter__"):
                return self._tell("whole", answer)
            self._tell("begun")
            async for chunk in answer:
                if self._stopped.is_set():
                    return None
                self._tell("chunk", chunk)
            return self._tell("end")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised again on the gateway's thread
            return self._tell("error", error)

    def _tell(self, kind: str, value: Any = None) -> None:
        with suppress(RuntimeError):  # the gateway's loop has closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._inbox.put_nowait, _Said(kind, value))


class _SameThread(ThreadPoolExecutor):
    """Runs what the library would send to another thread here: the whole thread is for this call."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future
