"""Which cost optimum a route aims at: the newest one that is worth it, or the one before, or none. Pure.

An optimum is ignored when it is old, when there is none that keeps every promise, and when it saves too little to be
worth a move. One that is pursued stays until another is clearly cheaper, or until it breaks a promise by what is
known now: two optima that are as good as equal can look very different, and neither is chased for noise.
"""

from collections.abc import Mapping
from typing import Final

from foreroute.core.decision import Capability, Reason, ReasonCode
from foreroute.core.ids import ChannelId
from foreroute.core.optimum import Aim, Pursuit
from foreroute.core.plan import Route
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import Approval, Snapshot

_TOLERANCE: Final = 1.1
"""A bound that the optimum exhausts is passed by any noise: only so much beyond it is broken."""
_SAME: Final = 1e-6
_HARDLY: Final = "the configured weights cost hardly more"

Shares = Mapping[ChannelId, float]


def pursuit_of(
    snapshot: Snapshot, configured: Route, rails: Guardrails
) -> tuple[Pursuit | None, tuple[Reason, ...]]:
    """What the route aims at after this tick, and why not where an optimum was ignored.

    A pursuit without shares is one that is over while its shares have not all returned yet.
    """
    before = snapshot.pursued.get(configured.name)
    ignored = _ignored(snapshot, configured, rails)
    aim = snapshot.aims.routes.get(configured.name) if snapshot.aims is not None else None
    if ignored is not None or aim is None:
        reasons = () if ignored is None else (Reason(None, ReasonCode.OPTIMUM_IGNORED, ignored),)
        return _over(snapshot, configured, before, ignored or "no optimum is asked for"), reasons
    found = _chosen(aim, _weights(configured), before, snapshot.at, rails)
    return _over(snapshot, configured, before, found) if isinstance(found, str) else found, ()


def _chosen(aim: Aim, weights: Shares, before: Pursuit | None, at: float, rails: Guardrails) -> Pursuit | str:
    """What to aim at, or in words why at nothing."""
    fresh = _with_floor(aim, weights, rails)
    fault = _broken(aim, before.shares, weights) if before is not None and before.shares else None
    if before is None or not before.shares or fault is not None:
        if _gain(aim, weights, fresh) >= rails.optimum_gain_min:
            return _pursuit(aim, weights, fresh, at)
        return fault or _HARDLY
    if _gain(aim, weights, before.shares) < rails.optimum_gain_min / 2.0:
        return _HARDLY
    has_stood = at - before.since_at >= rails.dwell_s
    if has_stood and _gain(aim, before.shares, fresh) >= rails.optimum_gain_min:
        return _pursuit(aim, weights, fresh, at)
    return before


def aimed(base: Shares, pursuit: Pursuit | None) -> dict[ChannelId, float]:
    """The weights to start from: the pursued shares, or the base itself where there are none."""
    if pursuit is None or not pursuit.shares:
        return dict(base)
    shares = {channel: pursuit.shares.get(channel, 0.0) for channel in base}
    total = sum(shares.values())
    return {channel: one / total for channel, one in shares.items()} if total > _SAME else dict(base)


def is_live(pursuit: Pursuit | None) -> bool:
    return pursuit is not None and bool(pursuit.shares)


def may_pursue(snapshot: Snapshot, capabilities: frozenset[Capability]) -> bool:
    return Capability.OPTIMUM in capabilities or Approval(Capability.OPTIMUM) in snapshot.approved


def reason_of(pursuit: Pursuit, channel: ChannelId) -> Reason:
    """Why a share without any trouble moves."""
    if pursuit.shares:
        return Reason(channel, ReasonCode.OPTIMUM, pursuit.detail)
    return Reason(channel, ReasonCode.OPTIMUM_OVER, f"back to its configured weight: {pursuit.detail}")


def _ignored(snapshot: Snapshot, configured: Route, rails: Guardrails) -> str | None:
    """Why the newest optimum moves nothing; None: it may."""
    aims = snapshot.aims
    if aims is None:
        return None
    if (age_s := snapshot.at - aims.solved_at) > rails.optimum_valid_s:
        return f"the optimum is {age_s / 60:.0f} min old: the configured weights stand in"
    if not aims.feasible:
        return f"no shares keep every promise ({aims.why}): the configured weights stand in"
    held = [
        target.channel
        for target in configured.targets
        if snapshot.suppressed_until.get(target.channel, 0.0) > snapshot.at
    ]
    if held:
        return f"{configured.name}: an undo protects {', '.join(sorted(held))} from the optimum"
    return None


def _over(snapshot: Snapshot, configured: Route, before: Pursuit | None, why: str) -> Pursuit | None:
    """Remembered until the shares that it has moved are back, so that each step back can say why."""
    if before is None or not before.in_force:
        return None
    current = snapshot.current.routes.get(configured.name, configured)
    weights, now = _weights(configured), _weights(current)
    if all(abs(now.get(channel, 0.0) - weight) < _SAME for channel, weight in weights.items()):
        return None
    detail = before.detail if not before.shares else why
    return Pursuit(shares={}, since_at=before.since_at, detail=detail, in_force=True)


def _pursuit(aim: Aim, weights: Shares, shares: Shares, at: float) -> Pursuit:
    usd, now = _usd(aim, shares) or 0.0, _usd(aim, weights) or 0.0
    kept = "" if aim.limit_s is None else f" that keep {1.0 - aim.late_max:.0%} under {_ms(aim.limit_s)}"
    held = f"; held by {aim.held_by}" if aim.held_by else ""
    detail = f"cheapest shares{kept}: ${usd:.4g} an hour, saves ${now - usd:.4g}{held}"
    return Pursuit(shares=dict(shares), since_at=at, detail=detail)


def _with_floor(aim: Aim, weights: Shares, rails: Guardrails) -> dict[ChannelId, float]:
    """The optimum, but that each channel that may serve keeps a little: what nobody asks cannot be known to recover."""
    floors = {
        channel: min(rails.share_floor, weight)
        for channel, weight in weights.items()
        if weight > 0
        and channel not in aim.barred
        and aim.shares.get(channel, 0.0) < min(rails.share_floor, weight)
    }
    rest = sum(share for channel, share in aim.shares.items() if channel not in floors)
    scale = (1.0 - sum(floors.values())) / rest if rest > 0 else 0.0
    return {
        channel: floors.get(channel, aim.shares.get(channel, 0.0) * scale)
        for channel in weights.keys() | aim.shares.keys()
    }


def _broken(aim: Aim, shares: Shares, weights: Shares) -> str | None:
    """Which promise the pursued shares would break by what is known now; None: none."""
    used = {channel: share for channel, share in shares.items() if share > _SAME}
    if gone := sorted(channel for channel in used if channel in aim.barred or channel not in weights):
        return f"{', '.join(gone)} may not serve it any more"
    late = sum(share * aim.late_ratio.get(channel, 0.0) for channel, share in used.items())
    if late > aim.late_max * _TOLERANCE:
        return f"{late:.1%} of its requests would be late"
    full = sorted(c for c, share in used.items() if share > aim.room.get(c, 1.0) * _TOLERANCE)
    return f"{', '.join(full)} has no room for its share" if full else None


def _gain(aim: Aim, standing: Shares, wished: Shares) -> float:
    """How much less the wished shares cost, as a part of what the standing ones do; 0 where it cannot be told."""
    before, after = _usd(aim, standing), _usd(aim, wished)
    return 0.0 if not before or after is None else 1.0 - after / before


def _usd(aim: Aim, shares: Shares) -> float | None:
    """An hour of the route; over the channels whose price is known, None without any."""
    known = {channel: share for channel, share in shares.items() if channel in aim.usd_per_hour}
    total = sum(known.values())
    if total <= _SAME:
        return None
    return sum(share * aim.usd_per_hour[channel] for channel, share in known.items()) / total


def _weights(route: Route) -> dict[ChannelId, float]:
    """Of the first priority, adding up to 1; those that serve in need have no part in an optimum."""
    first = min((target.priority for target in route.targets), default=0)
    found = {target.channel: target.weight for target in route.targets if target.priority == first}
    total = sum(found.values())
    return {channel: weight / total for channel, weight in found.items()} if total > 0 else found


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
