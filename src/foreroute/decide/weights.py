"""From causes to shares: what each channel of one priority should get, and one bounded step towards it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from foreroute.core.decision import Cause, ReasonCode
from foreroute.core.ids import ChannelId
from foreroute.decide.causes import binding
from foreroute.decide.guardrails import Guardrails

Shares = dict[ChannelId, float]


def _lost(cause: Cause) -> float:
    """The part of a channel that is not healthy: of one in trouble all, of one that a playbook holds what it may not
    carry, 0…1.
    """
    return 1.0 - cause.bound if cause.code is ReasonCode.REMEDY else 1.0


def bounds_of(
    base: Mapping[ChannelId, float], causes: Sequence[Cause], rails: Guardrails, *, may_empty: bool
) -> tuple[Shares, bool]:
    """The bound of each channel of one priority, 0…1, and whether panic holds them back.

    At most `ejected_ratio_max` of the channels are relieved, the worst first. When less than
    `healthy_ratio_min` of the weight is healthy, moving traffic only piles it onto the last healthy
    channel: then only playbooks' remedies stay.
    """
    mine = [cause for cause in causes if cause.channel in base]
    worst = binding(mine)
    healthy = 1.0 - sum(base[channel] * _lost(cause) for channel, cause in worst.items())
    panic = bool(worst) and healthy < rails.healthy_ratio_min
    allowed = max(1, int(len(base) * rails.ejected_ratio_max)) if len(base) > 1 else 0
    ranked = sorted(worst, key=lambda channel: (worst[channel].bound, worst[channel].since_at, channel))
    relieved = frozenset() if panic else frozenset(ranked[:allowed])
    bounds: Shares = dict.fromkeys(base, 1.0)
    for cause in mine:
        if cause.code is ReasonCode.REMEDY or cause.channel in relieved:
            bounds[cause.channel] = min(bounds[cause.channel], cause.bound)
    if not may_empty and not any(base[channel] * bound for channel, bound in bounds.items()):
        return dict.fromkeys(base, 1.0), True  # somebody has to serve
    return bounds, panic


def desired_shares(
    base: Mapping[ChannelId, float], bounds: Mapping[ChannelId, float], rails: Guardrails
) -> Shares:
    """Shares in proportion to base × bound, with the floor for whoever is relieved but not ejected."""
    raw = {channel: weight * bounds[channel] for channel, weight in base.items()}
    total = sum(raw.values())
    if total <= 0:
        return dict.fromkeys(base, 0.0)
    shares = {channel: value / total for channel, value in raw.items()}
    floors = {
        channel: min(rails.share_floor, base[channel])
        for channel, share in shares.items()
        if 0 < share < min(rails.share_floor, base[channel])
    }
    rest = sum(share for channel, share in shares.items() if channel not in floors)
    if not floors or rest <= 0:
        return shares
    scale = (1.0 - sum(floors.values())) / rest
    return {channel: floors.get(channel, share * scale) for channel, share in shares.items()}


def one_step(current: Mapping[ChannelId, float], desired: Shares, rails: Guardrails) -> tuple[Shares, bool]:
    """The next shares on the straight line from current to desired, and whether the step was shortened.

    A point on that line always sums to one. Channels that must go to zero leave at once: what they had
    goes to the others in proportion to what those are to get.
    """
    if not any(desired.values()):
        return dict(desired), False
    start = _without(current, [channel for channel, share in desired.items() if share == 0], desired)
    farthest = max((abs(desired[channel] - start[channel]) for channel in desired), default=0.0)
    if farthest <= rails.share_step_max:
        return dict(desired), False
    part = rails.share_step_max / farthest
    return {channel: start[channel] + part * (desired[channel] - start[channel]) for channel in desired}, True


def _without(current: Mapping[ChannelId, float], gone: Sequence[ChannelId], desired: Shares) -> Shares:
    start = {channel: 0.0 if channel in gone else current.get(channel, 0.0) for channel in desired}
    missing = 1.0 - sum(start.values())
    if missing > 1e-12:
        takers = sum(share for share in desired.values())
        start = {channel: share + missing * desired[channel] / takers for channel, share in start.items()}
    return start


def cheaper(
    base: Mapping[ChannelId, float], prices: Mapping[ChannelId, Decimal | None], exponent: float
) -> Shares:
    """Base weights tilted towards cheap channels: weight × (cheapest / price) ** exponent, summing to one.

    A channel without a known price keeps its weight as if it cost as much as the dearest: unknown is not cheap.
    """
    known = [price for price in prices.values() if price is not None]
    if not known or max(known) <= 0:
        return dict(base)
    least = float(max(min(known), max(known) / 1000))
    raw: Shares = {}
    for channel, weight in base.items():
        price = prices.get(channel)
        cost = float(max(known) if price is None else price)
        raw[channel] = weight * (least / max(cost, least)) ** exponent
    total = sum(raw.values())
    return {channel: value / total for channel, value in raw.items()}
