"""How much work a channel's places can take before requests find none free. Pure."""

from functools import cache
from typing import Final

BLOCKED_MAX: Final = 0.02
"""The share of requests that may find no place free, and go to another channel than the shares say."""
USED_MIN: Final = 0.5
"""So much of a few places is used though more are turned away: a channel of two is not left idle for one that comes amiss."""
_STEPS: Final = 40


@cache
def load_max(places: int) -> float:
    """The most requests under way on average at which `BLOCKED_MAX` of those that arrive find all places taken; or, if that
    is more, half of the places.

    Erlang's loss formula, for arrivals that know nothing of each other: 6.6 of 12 places, 88 of 100. The more places, the
    more of them can be used. `places` ≥ 1.
    """
    low, high = USED_MIN * places, places / (1.0 - BLOCKED_MAX)
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if blocked(places, middle) <= BLOCKED_MAX else (low, middle)
    return low


def blocked(places: int, load: float) -> float:
    """The share of arrivals that find all places taken, 0…1. `load`: arrivals × how long each takes a place."""
    found = 1.0
    for place in range(1, places + 1):
        found = load * found / (place + load * found)
    return found
