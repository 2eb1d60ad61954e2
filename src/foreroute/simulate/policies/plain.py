"""Policies that look at nothing: static weights and round robin. A failed request goes to a channel it has not asked."""

from collections.abc import Mapping, Sequence

from foreroute.core.attempt import Attempt
from foreroute.core.ids import ChannelId
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.policies.rules import is_over
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Hold, Pick


class StaticWeights:
    """By the configured shares, for ever. Remembers nothing."""

    def __init__(self, weights: Mapping[ChannelId, float]) -> None:
        self._weights = weights

    def pick(self, asking: Asking) -> Pick | Hold | None:
        left = {name: weight for name, weight in self._weights.items() if name not in asking.tried}
        if is_over(asking) or not left:
            return None
        return Pick(channel=asking.chance.choices(list(left), list(left.values()))[0])

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None: ...

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None: ...


class RoundRobin:
    """One after the other, whatever they are."""

    def __init__(self, channels: Sequence[ChannelId]) -> None:
        self._channels = tuple(channels)
        self._next = 0

    def pick(self, asking: Asking) -> Pick | Hold | None:
        if is_over(asking):
            return None
        for _ in self._channels:
            channel = self._channels[self._next]
            self._next = (self._next + 1) % len(self._channels)
            if channel not in asking.tried:
                return Pick(channel=channel)
        return None

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None: ...

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None: ...
