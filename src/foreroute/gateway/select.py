"""Which channel takes the next attempt. Pure: load and chance are handed in.

Power of two choices (Mitzenmacher 2001) within the plan's priorities and weights. The first draw
goes by weight; the second, also by weight, takes over only if it would still be less loaded for its
weight *after* taking the request. So an idle gateway follows the weights exactly, and a channel that
holds its requests longer than its peers gets fewer new ones.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from foreroute.core.attempt import PickReason
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Route, Target


class Standing(Enum):
    """Whether a channel can take a request now."""

    FREE = "free"
    FULL = "full"
    """At its concurrency limit."""
    THROTTLED = "throttled"
    """It asked to be left alone for a while."""
    OPEN = "open"
    """Its breaker does not admit."""
    ABSENT = "absent"
    """The plan names a channel that this gateway does not have."""


@dataclass(frozen=True, slots=True)
class Pick:
    target: Target
    reason: PickReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Everything a choice depends on. `draws` are two uniform numbers in [0, 1)."""

    route: Route
    standing: Callable[[Target], Standing]
    in_flight: Callable[[ChannelId], int]
    draws: tuple[float, float]
    tried: Collection[ChannelId] = ()
    static: bool = False


def choose(choice: Choice) -> Pick | None:
    """The target for the next attempt, or None if no channel may be asked.

    Best priority first, among channels with weight that are free and untried. When there is none, the
    last resort: a free channel of weight 0, and for a request that nobody was asked for yet, one whose
    breaker is open. A full or throttled channel is never the last resort: both limits were told to us.
    """
    weighted = [t for t in choice.route.targets if t.weight > 0 and t.channel not in choice.tried]
    passed_over = False
    for group in _by_priority(weighted):
        free = [target for target in group if choice.standing(target) is Standing.FREE]
        if free:
            wanted = _draw(group, choice.draws[0])
            return Pick(
                _less_loaded(free, choice), _reason(choice, spilled=passed_over or wanted not in free)
            )
        passed_over = True
    return _last_resort(choice)


def again(choice: Choice) -> Pick | None:
    """A channel that was tried already, for want of another one; None if none is free."""
    free = [t for t in choice.route.targets if t.weight > 0 and choice.standing(t) is Standing.FREE]
    for group in _by_priority(free):
        reason = PickReason.ONLY if len(choice.route.targets) == 1 else PickReason.FAILOVER
        return Pick(_less_loaded(group, choice), reason)
    return None


def _reason(choice: Choice, *, spilled: bool) -> PickReason:
    if choice.tried:
        return PickReason.FAILOVER
    if len(choice.route.targets) == 1:
        return PickReason.ONLY
    if spilled:
        return PickReason.SPILLOVER
    return PickReason.STATIC if choice.static else choice.route.reason


def _last_resort(choice: Choice) -> Pick | None:
    untried = [target for target in choice.route.targets if target.channel not in choice.tried]
    standings = (Standing.FREE,) if choice.tried else (Standing.FREE, Standing.OPEN)
    for wanted in standings:
        fitting = [target for target in untried if choice.standing(target) is wanted]
        if fitting:
            least = min(fitting, key=lambda t: (t.priority, choice.in_flight(t.channel), -t.weight))
            return Pick(least, PickReason.LAST_RESORT)
    return None


def _by_priority(targets: Sequence[Target]) -> list[list[Target]]:
    priorities = sorted({target.priority for target in targets})
    return [[target for target in targets if target.priority == priority] for priority in priorities]


def _less_loaded(targets: Sequence[Target], choice: Choice) -> Target:
    first = _draw(targets, choice.draws[0])
    second = _draw(targets, choice.draws[1])
    if first is second:
        return first
    load_now = choice.in_flight(first.channel) / first.weight
    load_then = (choice.in_flight(second.channel) + 1) / second.weight
    return second if load_then < load_now else first


def _draw(targets: Sequence[Target], uniform: float) -> Target:
    left = uniform * sum(target.weight for target in targets)
    for target in targets:
        left -= target.weight
        if left < 0:
            return target
    return targets[-1]
