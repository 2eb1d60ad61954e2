"""Tells every open page that a tick has passed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

PING_S: Final = 15.0
READERS_MAX: Final = 64


class Ticker:
    """Lives on one event loop. `advance` is called after each tick; each reader gets the newest state, never a queue."""

    def __init__(self) -> None:
        self._turn = 0
        self._next = asyncio.Event()
        self.readers = 0

    def advance(self) -> None:
        self._turn += 1
        done, self._next = self._next, asyncio.Event()
        done.set()

    async def events(self, render: Callable[[], Awaitable[bytes | None]]) -> AsyncIterator[bytes]:
        """Server-sent events: one at once, one after each tick, a comment when it is quiet for a while."""
        self.readers += 1
        try:
            yield b"retry: 2000\n\n"
            seen = -1
            while True:
                waiting, turn = self._next, self._turn
                if turn != seen and (data := await render()) is not None:
                    seen = turn
                    yield b"event: tick\nid: %d\ndata: %b\n\n" % (turn, data)
                    continue
                try:
                    async with asyncio.timeout(PING_S):
                        await waiting.wait()
                except TimeoutError:
                    yield b": ping\n\n"
        finally:
            self.readers -= 1
