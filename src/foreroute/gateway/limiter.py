"""How many attempts each channel holds, and how many it may."""

from foreroute.core.ids import ChannelId


class Limiter:
    """Counts attempts in flight. Lives on one event loop; a count is read from any thread."""

    def __init__(self) -> None:
        self._in_flight: dict[ChannelId, int] = {}

    def in_flight(self, channel: ChannelId) -> int:
        return self._in_flight.get(channel, 0)

    def enter(self, channel: ChannelId) -> None:
        self._in_flight[channel] = self.in_flight(channel) + 1

    def leave(self, channel: ChannelId) -> None:
        self._in_flight[channel] = self.in_flight(channel) - 1

    def is_full(self, channel: ChannelId, *limits: int | None) -> bool:
        """Whether the tightest of the limits is reached; None is no limit."""
        return any(limit is not None and self.in_flight(channel) >= limit for limit in limits)
