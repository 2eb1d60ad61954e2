"""How much work a channel's places can take before requests find none free. Pure."""

from functools import lru_cache
from typing import Final

BLOCKED_MAX: Final = 0.02
"""The share of requests that may find no place free, and go to another channel than the shares say."""
_STEPS: Final = 40


@lru_cache(maxsize=1024)
def load_max(places: int, blocked_max: float = BLOCKED_MAX) -> float:
    """The most requests under way on average at which `blocked_max` of those that arrive find all places taken.

    Erlang's loss formula, for arrivals that know nothing of each other: 6.6 of 12 places, 88 of 100. The more places, the
    more of them can be used. `places` ≥ 1; 0 < `blocked_max` < 1.
    """
    low, high = 0.0, places / (1.0 - blocked_max)
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if blocked(places, middle) <= blocked_max else (low, middle)
    return low


def blocked(places: int, load: float) -> float:
    """The share of arrivals that find all places taken, 0…1. `load`: arrivals × how long each takes a place."""
    found = 1.0
    for place in range(1, places + 1):
        found = load * found / (place + load * found)
    return found
