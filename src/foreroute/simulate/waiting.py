"""Requests that wait at the gateway for a place on a channel: first come, first served."""

from collections.abc import Iterable

from foreroute.core.ids import ChannelId
from foreroute.simulate.flights import Call


class Waiting:
    """Each call waits at several channels at once, and leaves them all together."""

    def __init__(self, channels: Iterable[ChannelId]) -> None:
        self._lines: dict[ChannelId, dict[int, Call]] = {name: {} for name in channels}
        self._places: dict[int, tuple[ChannelId, ...]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, ticket: int, call: Call, channels: tuple[ChannelId, ...]) -> None:
        known = tuple(channel for channel in channels if channel in self._lines)
        self._places[ticket] = known
        for channel in known:
            self._lines[channel][ticket] = call

    def remove(self, ticket: int) -> bool:
        """Whether it was still waiting."""
        channels = self._places.pop(ticket, None)
        for channel in channels or ():
            self._lines[channel].pop(ticket, None)
        return channels is not None

    def all(self, channel: ChannelId) -> list[tuple[int, Call]]:
        """Everybody who waits there, in order."""
        return list(self._lines[channel].items())

    def first(self, channel: ChannelId) -> tuple[int, Call] | None:
        """(ticket, call) of whoever has waited longest for a place there."""
        return next(iter(self._lines[channel].items()), None)
