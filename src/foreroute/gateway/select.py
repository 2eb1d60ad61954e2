"""Which channel takes the next attempt. Pure: load and chance are handed in.

Power of two choices (Mitzenmacher 2001) over the cost of delay, within the plan's priorities and weights. The
first draw goes by weight; the second, also by weight, takes over only if it would cost clearly less delay for
its weight *after* taking the request: less load times slowdown, or the first has become twice as slow against
its norm as the second. Where both draws fall on one that has become much slower, those that have not share the request.
So a gateway whose channels are their usual selves follows the weights exactly; a channel
that holds its requests longer than its peers gets fewer new ones; and none is ever left out altogether.
"""

import hashlib
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from foreroute.core.attempt import Candidate, PickReason, PickRule
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Route, Target

_MUCH_SLOWER: Final = 2.0
_WEIGHED_MAX: Final = 16
"""Among more channels than this nobody works out how likely each was: it is done for every request."""
_CACHE_WORTH: Final = 2.0
"""A channel that may have the prompt cached is left only when it has this much more to do."""


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


_WORTH_WAITING: Final = frozenset({Standing.FULL, Standing.THROTTLED})


@dataclass(frozen=True, slots=True)
class Pick:
    target: Target
    reason: PickReason
    rule: PickRule = PickRule.WEIGHT
    candidates: tuple[Candidate, ...] = ()
    """Empty when the shares alone decided and every channel was free: most picks, which need no explanation."""
    propensity: float | None = None
    """How likely this target was among the free ones of its priority; None where chance did not decide alone: for a
    sticky prompt, after a failed attempt, or as the last resort.
    """


@dataclass(slots=True, kw_only=True)
class Choice:
    """Everything a choice depends on; not frozen because one is made for every attempt. `draws` are two uniform numbers in [0, 1)."""

    route: Route
    standing: Callable[[Target], Standing]
    in_flight: Callable[[ChannelId], int]
    draws: tuple[float, float]
    tried: Collection[ChannelId] = ()
    static: bool = False
    slowdown: Callable[[ChannelId], float] = lambda _: 1.0
    """How much slower than usual the channel answers now, ≥ 1."""
    trust: Callable[[ChannelId], float] = lambda _: 1.0
    """The part of its weight that the channel may have: less for newcomers and after an ejection."""
    prefix: bytes | None = None
    """A digest, at most 64 bytes, of the prompt's beginning: equal ones go to the same channel, which may have them cached."""
    explore: bool = False
    """Take the first draw as it is, so that what is known of every channel stays fresh."""
    explore_ratio: float = 0.0
    """How often `explore` is set."""


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
            shares = [_share(target, choice) for target in group]
            wanted, spilled = _first(group, shares, choice), passed_over
            first = wanted
            if len(free) < len(group):
                spilled = spilled or wanted not in free
                shares = [_share(target, choice) for target in free]
                first = _first(free, shares, choice)
            target, rule = _less_delayed(first, free, shares, choice)
            reason, plain = _reason(choice, spilled=spilled), len(free) == len(weighted)
            return _pick(choice, target, reason, rule, plain=plain, likely=propensity(target, free, choice))
        passed_over = True
    return _last_resort(choice)


def again(choice: Choice) -> Pick | None:
    """A channel that was tried already, for want of another one; None if none is free."""
    free = [t for t in choice.route.targets if t.weight > 0 and choice.standing(t) is Standing.FREE]
    for group in _by_priority(free):
        reason = PickReason.ONLY if len(choice.route.targets) == 1 else PickReason.FAILOVER
        shares = [_share(target, choice) for target in group]
        target, rule = _less_delayed(_first(group, shares, choice), group, shares, choice)
        return _pick(choice, target, reason, rule)
    return None


def propensity(target: Target, free: Sequence[Target], choice: Choice) -> float | None:
    """P(target) over both draws and over exploring, given how the channels stand; None where it is not all chance.

    The first draw stays unless the second is better, so a target is taken when it comes first and no better one
    second, or second and better than the first; and when both draws fell on another one that is much slower than usual.
    """
    if choice.tried or choice.prefix is not None or len(free) > _WEIGHED_MAX:
        return None
    if len(free) == 1:
        return 1.0
    share, slow, load = (
        _share(target, choice),
        choice.slowdown(target.channel),
        choice.in_flight(target.channel),
    )
    if share <= 0.0:
        return None
    now, then = slow * load / share, slow * (load + 1) / share
    total = share
    kept = 0.0 if _much_quicker(target, free, choice) else share
    gained = 0.0
    for other in free:
        if other is target:
            continue
        part, pace = _share(other, choice), choice.slowdown(other.channel)
        running = choice.in_flight(other.channel)
        total += part
        if part <= 0.0:
            continue
        # As `_better_by` compares them, both ways; spelt out, since this is done for every request.
        other_wins = slow >= _MUCH_SLOWER * pace or pace * (running + 1) / part < now
        wins = pace >= _MUCH_SLOWER * slow or then < pace * running / part
        kept += part * (wins + (not other_wins))
        if pace >= _MUCH_SLOWER * slow:
            gained += part * part / sum(_share(one, choice) for one in _much_quicker(other, free, choice))
    chosen = kept / total + gained / total
    return share / total * (choice.explore_ratio + (1.0 - choice.explore_ratio) * chosen)


def _pick(
    choice: Choice,
    target: Target,
    reason: PickReason,
    rule: PickRule,
    *,
    plain: bool = False,
    likely: float | None = None,
) -> Pick:
    if plain and rule is PickRule.WEIGHT and not choice.tried:
        return Pick(target, reason, propensity=likely)
    if len(choice.route.targets) == 1:
        return Pick(target, reason, PickRule.ALONE, propensity=likely)
    group = [other for other in choice.route.targets if other.priority == target.priority]
    total = sum(_share(other, choice) for other in group) or 1.0
    seen = (
        Candidate(
            other.channel,
            "tried" if other.channel in choice.tried else choice.standing(other).value,
            round(_share(other, choice) / total, 4) if other.priority == target.priority else 0.0,
            round(choice.slowdown(other.channel), 2),
            choice.in_flight(other.channel),
        )
        for other in choice.route.targets
    )
    return Pick(target, reason, rule, tuple(seen), likely)


def _reason(choice: Choice, *, spilled: bool) -> PickReason:
    if choice.tried:
        return PickReason.FAILOVER
    if len(choice.route.targets) == 1:
        return PickReason.ONLY
    if spilled:
        return PickReason.SPILLOVER
    return PickReason.STATIC if choice.static else choice.route.reason


def _last_resort(choice: Choice) -> Pick | None:
    """A channel that is out is asked only when there is none to wait for."""
    untried = [target for target in choice.route.targets if target.channel not in choice.tried]
    standings = {target.channel: choice.standing(target) for target in untried}
    hope = any(target.weight > 0 and standings[target.channel] in _WORTH_WAITING for target in untried)
    for wanted in (Standing.FREE,) if choice.tried or hope else (Standing.FREE, Standing.OPEN):
        fitting = [target for target in untried if standings[target.channel] is wanted]
        if fitting:
            least = min(fitting, key=lambda t: (t.priority, choice.in_flight(t.channel), -t.weight))
            return _pick(choice, least, PickReason.LAST_RESORT, PickRule.LOAD)
    return None


def _by_priority(targets: Sequence[Target]) -> list[Sequence[Target]]:
    priorities = sorted({target.priority for target in targets})
    if len(priorities) == 1:
        return [targets]
    return [[target for target in targets if target.priority == priority] for priority in priorities]


def _less_delayed(
    first: Target, targets: Sequence[Target], shares: Sequence[float], choice: Choice
) -> tuple[Target, PickRule]:
    by = PickRule.WEIGHT if choice.prefix is None else PickRule.PREFIX
    if len(targets) == 1:
        return first, by
    if choice.explore:
        return first, PickRule.EXPLORE
    second = _draw(targets, shares, choice.draws[1])
    if second is first:
        quicker = _much_quicker(first, targets, choice)
        if not quicker:
            return first, by
        theirs = [_share(target, choice) for target in quicker]
        return _draw(quicker, theirs, _within(first, targets, shares, choice)), PickRule.SLOWDOWN
    rule = _better_by(second, first, choice)
    return (first, by) if rule is None else (second, rule)


def _much_quicker(slow: Target, targets: Sequence[Target], choice: Choice) -> list[Target]:
    """Those that are their usual selves while this one has become much slower: two draws of it do not make it better."""
    pace = choice.slowdown(slow.channel)
    if pace < _MUCH_SLOWER:
        return []
    return [
        other
        for other in targets
        if pace >= _MUCH_SLOWER * choice.slowdown(other.channel) and _share(other, choice) > 0.0
    ]


def _within(drawn: Target, targets: Sequence[Target], shares: Sequence[float], choice: Choice) -> float:
    """Where in this target's part of the whole the second draw fell, in [0, 1): a third draw that costs no chance."""
    at = targets.index(drawn)
    return min(1.0 - 1e-12, max(0.0, (choice.draws[1] * sum(shares) - sum(shares[:at])) / shares[at]))


def _better_by(second: Target, first: Target, choice: Choice) -> PickRule | None:
    """Why the second is to be preferred; None: it is not."""
    slow_first, slow_second = choice.slowdown(first.channel), choice.slowdown(second.channel)
    if slow_first >= _MUCH_SLOWER * slow_second:
        return PickRule.SLOWDOWN
    cost_now = slow_first * choice.in_flight(first.channel) / _share(first, choice)
    cost_then = slow_second * (choice.in_flight(second.channel) + 1) / _share(second, choice)
    if choice.prefix is not None:
        cost_then *= _CACHE_WORTH
    return PickRule.LOAD if cost_then < cost_now else None


def _first(targets: Sequence[Target], shares: Sequence[float], choice: Choice) -> Target:
    """By weight: at random, or by the prompt's prefix (weighted rendezvous hashing, which moves the fewest
    prompts when weights change; Schindelhauer & Schomaker 2005).
    """
    prefix = choice.prefix
    if prefix is None:
        return _draw(targets, shares, choice.draws[0])
    return max(
        zip(targets, shares, strict=True),
        key=lambda pair: pair[1] / -math.log(_uniform(prefix, pair[0].channel)),
    )[0]


def _draw(targets: Sequence[Target], shares: Sequence[float], uniform: float) -> Target:
    left = uniform * sum(shares)
    for target, share in zip(targets, shares, strict=True):
        left -= share
        if left < 0:
            return target
    return targets[-1]


def _share(target: Target, choice: Choice) -> float:
    return target.weight * choice.trust(target.channel)


def _uniform(prefix: bytes, channel: ChannelId) -> float:
    """In (0, 1), the same for the same pair in every process."""
    digest = hashlib.blake2b(channel.encode(), key=prefix, digest_size=6).digest()
    return (int.from_bytes(digest) + 0.5) / 2.0**48
