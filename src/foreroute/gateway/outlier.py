"""Is a channel failing more than its peers, or is it chance? Pure.

The lower Wilson bound of its failure ratio (Wilson 1927) is what its failures prove at the least, however few
calls there were; there is no fixed minimum of them.
"""

import math
from typing import Final

_Z: Final = 1.96
_PEERS_FACTOR: Final = 2.0
_CHANCE_MAX: Final = 1e-3
_RUN_MIN: Final = 2


def wilson_lower(failures: int, attempts: int) -> float:
    """The failure ratio, 0…1, that is exceeded with 97.5 % confidence."""
    if attempts <= 0:
        return 0.0
    ratio, z2 = failures / attempts, _Z * _Z
    centre = ratio + z2 / (2 * attempts)
    margin = _Z * math.sqrt(ratio * (1 - ratio) / attempts + z2 / (4 * attempts * attempts))
    return max(0.0, (centre - margin) / (1 + z2 / attempts))


def is_outlier(own: tuple[int, int], peers: tuple[int, int], ratio_min: float) -> bool:
    """Whether (attempts, failures) of a channel prove a ratio over `ratio_min` and twice that of its peers.

    Where the peers fail too, the cause is likely not the channel's own, and there is nowhere to go.
    """
    proven = wilson_lower(own[1], own[0])
    usual = peers[1] / peers[0] if peers[0] else 0.0
    return proven >= ratio_min and proven >= _PEERS_FACTOR * usual


def is_broken_off(own: tuple[int, int], run: int, peers: tuple[int, int]) -> bool:
    """Whether the last `run` failures in a row cannot be chance: a channel that did well has just stopped working.

    By what the channel was like before them (Laplace's rule of succession), such a run comes by chance less than once in
    a thousand times. Where the peers fail as often, it is left to them all.
    """
    before, failed = own[0] - run, own[1] - run
    if run < _RUN_MIN or before <= 0 or failed < 0:
        return False
    usual = max((failed + 1) / (before + 2), (peers[1] + 1) / (peers[0] + 2))
    return usual**run <= _CHANCE_MAX
