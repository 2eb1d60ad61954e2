"""Requests that wait for a place on a channel: bounded, first come first served per channel."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from foreroute.core.ids import ChannelId


class Line:
    """Lives on the gateway's event loop. `length` counts who waits now."""

    def __init__(self) -> None:
        self.length = 0
        self._waiting: dict[ChannelId, deque[asyncio.Future[ChannelId]]] = {}

    async def wait(self, channels: Sequence[ChannelId], timeout_s: float) -> None:
        """Returns when one of the channels has become free, or after the time."""
        place: asyncio.Future[ChannelId] = asyncio.get_running_loop().create_future()
        for channel in channels:
            self._waiting.setdefault(channel, deque()).append(place)
        self.length += 1
        taken = False
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await place
            taken = True
        finally:
            self.length -= 1
            for channel in channels:
                with suppress(KeyError, ValueError):
                    self._waiting[channel].remove(place)
            if not taken and place.done() and not place.cancelled():
                self.vacancy(place.result())  # called upon, but its client has left: the next one

    def vacancy(self, channel: ChannelId) -> None:
        """Tells the first in line. Cheap when nobody waits."""
        waiting = self._waiting.get(channel)
        while waiting:
            place = waiting.popleft()
            if not place.done():
                return place.set_result(channel)
        return None

    def open_up(self, channel: ChannelId) -> None:
        """Tells everybody in line: the channel takes all that come."""
        for place in self._waiting.pop(channel, ()):
            if not place.done():
                place.set_result(channel)
