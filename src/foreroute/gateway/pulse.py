"""Signs of life on a silent stream: comments, which every client skips, so that nothing between gives up on it."""

import asyncio
from typing import Final, Self

from foreroute.gateway.delivery import Delivery

_COMMENT: Final = b": still working\n\n"


class Pulse:
    """Within it, a stream that has been silent for `every_s` gets a comment; its head too, if it has none yet."""

    def __init__(self, delivery: Delivery, every_s: float) -> None:
        self._delivery = delivery
        self._every_s = every_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._saying: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(self._every_s, self._beat)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        if self._delivery.ended:
            return
        due_at = self._delivery.written_at + self._every_s
        if self._loop.time() >= due_at - 1e-6:
            self._saying = self._loop.create_task(self._say())
            due_at = self._loop.time() + self._every_s
        self._timer = self._loop.call_at(due_at, self._beat)

    async def _say(self) -> None:
        if not self._delivery.ended:
            await self._delivery.start_stream()
            await self._delivery.write(_COMMENT)
