"""How long it took, by two clocks. Pure.

Onset to the first instant after which at most one in a hundred requests is bad over ten seconds (what users feel), and
to the first after which less than one in a hundred attempts goes to the channels (what the loop did). A service of few
requests has ten seconds with none or three in them, which say nothing: the window grows until one in a hundred can be
told, or for ten minutes, of which a fifth of that is enough. What is told is the window's start.
"""

from collections.abc import Callable, Sequence
from typing import Final

from foreroute.control.incidents.watch import SLOT_S, Tens

SAMPLES: Final = 100
_SAMPLES_MIN: Final = 20
_LONGEST_S: Final = 600.0
RATIO_MAX: Final = 0.01

Count = Callable[[Tens], int]


def settled_at(
    slots: Sequence[Tens],
    *,
    bad: Count,
    of: Count,
    from_at: float,
    ratio_max: float = RATIO_MAX,
) -> float | None:
    """The start of the first window after `from_at` in which at most `ratio_max` is bad; None: not yet.

    `slots` are oldest first; ten seconds in which nothing happened need not be among them.
    """
    later = [slot for slot in slots if slot.at + SLOT_S > from_at]
    for number, slot in enumerate(later):
        hits = trials = 0
        for other in later[number:]:
            hits, trials = hits + bad(other), trials + of(other)
            is_long = other.at + SLOT_S - slot.at >= _LONGEST_S and trials >= _SAMPLES_MIN
            if trials >= SAMPLES or is_long:
                if hits <= ratio_max * trials:
                    return max(slot.at, from_at)
                break
    return None
