"""A reason for every share that changes, in words and numbers."""

from collections.abc import Mapping, Sequence

from foreroute.core.decision import Cause, Reason, ReasonCode, ShareChange
from foreroute.core.findings import BudgetStatus
from foreroute.core.ids import ChannelId
from foreroute.core.optimum import Pursuit
from foreroute.core.plan import Route
from foreroute.decide.aim import reason_of
from foreroute.decide.causes import binding
from foreroute.decide.pace import pace_reason, paces_of
from foreroute.decide.snapshot import UNKNOWN_STATE, Snapshot

Moves = Mapping[ChannelId, tuple[float, float]]
"""Share before and after."""


def shares_of(route: Route) -> dict[ChannelId, float]:
    return {target.channel: target.weight for target in route.targets}


def overrun_of(snapshot: Snapshot) -> BudgetStatus | None:
    """The budget that is as good as sure to overrun: even the lower end of its projection is over the limit."""
    over = [one for one in snapshot.budgets if one.steers and one.projected_lower_usd > one.limit_usd]
    return max(over, key=lambda budget: budget.projected_usd - budget.limit_usd, default=None)


def spares(snapshot: Snapshot) -> bool:
    """Whether any budget moves shares in this tick."""
    return overrun_of(snapshot) is not None or any(paces_of(snapshot, route) for route in snapshot.configured)


def share_changes(
    snapshot: Snapshot,
    route: Route,
    current: Route,
    causes: Sequence[Cause],
    pursuit: Pursuit | None = None,
) -> tuple[ShareChange, ...]:
    """One entry for each channel of the route whose share is not what it was. `pursuit`: the optimum aimed at."""
    before, after = shares_of(current), shares_of(route)
    moves = {
        c: (before.get(c, 0.0), share) for c, share in after.items() if _differs(share, before.get(c, 0.0))
    }
    own = binding(causes)
    gone = {cause.channel for cause in snapshot.causes if cause.route == route.name} - own.keys()
    aims = pursuit is not None and not own and not gone
    returning = None if aims else _returning(snapshot, route, moves, own)
    changes = []
    for channel, (was, share) in moves.items():
        if channel == returning:
            reason = _without_trouble(snapshot, route, channel, share - was, pursuit)
        elif returning and share < was and _is_crowded_out(channel, moves, snapshot, own):
            reason = Reason(
                returning, ReasonCode.RECOVERED, f"makes room for {returning}, whose share returns"
            )
        else:
            reason = _reason(snapshot, route, channel, share - was, own, pursuit)
        changes.append(ShareChange(route=route.name, channel=channel, before=was, after=share, reason=reason))
    return tuple(changes)


def _differs(one: float, other: float) -> bool:
    return abs(one - other) > 1e-9


def _returning(
    snapshot: Snapshot, route: Route, moves: Moves, own: Mapping[ChannelId, Cause]
) -> ChannelId | None:
    """The channel that gets back what trouble had taken from it. Only then do shares without any trouble shrink."""
    well = {channel: share - was for channel, (was, share) in moves.items() if channel not in own}
    sparing = overrun_of(snapshot) is not None or paces_of(snapshot, route.name)
    if snapshot.kill_switch or sparing or min(well.values(), default=0.0) >= 0:
        return None
    gains = {channel: gain for channel, gain in well.items() if gain > 0}
    return max(gains, key=lambda channel: (gains[channel], channel), default=None)


def _is_crowded_out(
    channel: ChannelId, moves: Moves, snapshot: Snapshot, own: Mapping[ChannelId, Cause]
) -> bool:
    """Whether a share shrinks only as those without any trouble shrink, to make room for one that returns."""
    cause = own.get(channel)
    if cause is None:
        return True
    standing = [old for old in snapshot.causes if (old.route, old.channel) == (cause.route, channel)]
    stood = any(old.bound <= cause.bound for old in standing)
    factors = [share / was for other, (was, share) in moves.items() if share < was and other not in own]
    was, share = moves[channel]
    return stood and share / was >= min(factors, default=1.0) - 1e-6


def _reason(
    snapshot: Snapshot,
    route: Route,
    channel: ChannelId,
    change: float,
    own: Mapping[ChannelId, Cause],
    pursuit: Pursuit | None,
) -> Reason:
    cause = own.get(channel)
    if snapshot.kill_switch:
        return Reason(channel, ReasonCode.KILL_SWITCH, "back to its configured weight")
    if cause is not None and change < 0:
        return Reason(channel, cause.code, cause.detail)
    if change > 0 and (relieved := _newest(own, channel)):
        return Reason(relieved.channel, relieved.code, f"takes over from {relieved.channel}")
    return _without_trouble(snapshot, route, channel, change, pursuit)


def _newest(causes: Mapping[ChannelId, Cause], apart_from: ChannelId) -> Cause | None:
    others = [cause for cause in causes.values() if cause.channel != apart_from]
    return max(others, key=lambda cause: (cause.since_at, cause.channel), default=None)


def _without_trouble(
    snapshot: Snapshot, route: Route, channel: ChannelId, change: float, pursuit: Pursuit | None
) -> Reason:
    overrun = overrun_of(snapshot)
    if overrun is not None:
        where = "favours" if change > 0 else "spares"
        detail = f"budget {overrun.name}: ${overrun.projected_usd:.2f} expected of ${overrun.limit_usd:.2f}, {where} it"
        return Reason(channel, ReasonCode.BUDGET, detail)
    if paces := paces_of(snapshot, route.name):
        state = snapshot.channels.get(channel, UNKNOWN_STATE)
        return pace_reason(paces[0], channel, change, state.usd_per_request)
    gone = binding(cause for cause in snapshot.causes if cause.route == route.name)
    was = gone.get(channel)
    if was is not None and was.code is ReasonCode.FORECAST:
        return Reason(channel, ReasonCode.FORECAST_CLEARED, "the forecast trouble is over; its share returns")
    if was is None and pursuit is not None:
        return reason_of(pursuit, channel)
    detail = "healthy again; its share returns" if change > 0 else "gives back what it had taken over"
    return Reason(channel, ReasonCode.RECOVERED, detail)
