"""How far a budget's pace may go beside a known optimum: no further than what is promised. Pure.

The optimum is the cheapest that keeps every promise. Two of these a budget may spend: that the 95th percentile stays within
110 % of what the configured weights would give, and that no more fails than with them. What stays is the operator's own: while an optimum is known,
pursued or not, what the pace wishes is bounded by what that optimum knows.

- A channel below the quality floor or outside the route's regions gains nothing.
- No channel gains beyond the share that its quotas and places let it serve.
- On the straight line from the shares without a pace to what is left of the wish, it goes as far as no more requests are
  expected to miss the objective than may. Where the shares without a pace miss more, it makes them miss no more.
"""

from collections.abc import Mapping
from typing import Final

from foreroute.core.decision import Reason, ReasonCode
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.optimum import Aim
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import Snapshot

_SAME: Final = 1e-9
Shares = Mapping[ChannelId, float]


def aim_known(snapshot: Snapshot, route: RouteName, rails: Guardrails) -> Aim | None:
    """The newest optimum's knowledge of the route, unless it is too old; whether anybody pursues it or not."""
    aims = snapshot.aims
    if aims is None or snapshot.at - aims.solved_at > rails.optimum_valid_s:
        return None
    return aims.routes.get(route)


def kept(base: Shares, wished: Shares, aim: Aim | None) -> tuple[dict[ChannelId, float], str]:
    """The wish as far as the promises allow, and which of them held it, in words; empty: none did.

    Both are of one priority. What comes back adds up to 1, or is the wish itself where no optimum is known.
    """
    start = _whole(base)
    if aim is None or not start:
        return dict(wished), ""
    wished = _whole(wished)
    roomy = _in_room(start, wished, aim)
    held = [] if all(abs(roomy[one] - wished[one]) < _SAME for one in roomy) else ["room or quality"]
    part = _in_time(start, roomy, aim)
    if part < 1.0:
        held.append("latency")
    found = {channel: share + part * (roomy[channel] - share) for channel, share in start.items()}
    return found, " and ".join(held)


def held_reason(route: RouteName, held: str) -> Reason:
    detail = f"{route}: a budget's pace goes no further than the promises; held by {held}"
    return Reason(None, ReasonCode.GUARDRAIL, detail)


def _whole(shares: Shares) -> dict[ChannelId, float]:
    total = sum(shares.values())
    return {channel: share / total for channel, share in shares.items()} if total > 0 else {}


def _in_room(base: Shares, wished: Shares, aim: Aim) -> dict[ChannelId, float]:
    """No channel beyond its room; what is cut off goes to those that have some left, in proportion to the wish."""
    most = {
        channel: max(share, 0.0 if channel in aim.barred else aim.room.get(channel, 1.0))
        for channel, share in base.items()
    }
    found = {channel: min(share, most[channel]) for channel, share in wished.items()}
    for _ in found:
        rest = 1.0 - sum(found.values())
        free = {channel: share for channel, share in found.items() if share < most[channel] - _SAME}
        weight = sum(free.values())
        if rest <= _SAME or weight <= 0.0:
            break
        found |= {
            channel: min(most[channel], share * (1.0 + rest / weight)) for channel, share in free.items()
        }
    total = sum(found.values())
    return dict(base) if total < 1.0 - 1e-6 else found


def _in_time(base: Shares, wished: Shares, aim: Aim) -> float:
    """How much of the way may be gone, 0…1."""
    before, after = _missed(base, aim), _missed(wished, aim)
    allowed = max(aim.late_max, before)
    return 1.0 if after <= allowed else max(0.0, (allowed - before) / (after - before))


def _missed(shares: Shares, aim: Aim) -> float:
    """A channel of which nothing is known is taken for one that always misses: nothing is gained by going there."""
    return sum(share * aim.missed_ratio.get(channel, 1.0) for channel, share in shares.items())
