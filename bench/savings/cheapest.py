"""Cheapest first: each request goes to the cheapest channel above the floor that has a place free. Looks at nothing else."""

from collections import Counter
from collections.abc import Mapping, Sequence

from foreroute.core.attempt import Attempt
from foreroute.core.ids import ChannelId
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.policies.rules import is_over
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Hold, Pick


class CheapestFirst:
    """`channels` by price, cheapest first; `places`: how many each works on at a time, as the operator has set it."""

    def __init__(self, channels: Sequence[ChannelId], places: Mapping[ChannelId, int]) -> None:
        self._channels, self._places = tuple(channels), places
        self._under_way: Counter[ChannelId] = Counter()

    def pick(self, asking: Asking) -> Pick | Hold | None:
        left = [one for one in self._channels if one not in asking.tried]
        if is_over(asking) or not left:
            return None
        free = (one for one in left if self._under_way[one] < self._places.get(one, 1_000_000))
        return Pick(channel=next(free, left[0]))

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None:  # noqa: ARG002 - the port
        self._under_way[pick.channel] += 1

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None:  # noqa: ARG002 - the port
        self._under_way[attempt.channel] -= 1
