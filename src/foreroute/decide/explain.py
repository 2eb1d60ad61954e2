"""A reason for every share that changes, in words and numbers."""

from collections.abc import Sequence

from foreroute.core.decision import Cause, Reason, ReasonCode, ShareChange
from foreroute.core.findings import BudgetStatus
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Route
from foreroute.decide.snapshot import Snapshot


def shares_of(route: Route) -> dict[ChannelId, float]:
    return {target.channel: target.weight for target in route.targets}


def overrun_of(snapshot: Snapshot) -> BudgetStatus | None:
    """The budget that is as good as sure to overrun: even the lower end of its projection is over the limit."""
    over = [budget for budget in snapshot.budgets if budget.projected_lower_usd > budget.limit_usd]
    return max(over, key=lambda budget: budget.projected_usd - budget.limit_usd, default=None)


def share_changes(
    snapshot: Snapshot, route: Route, current: Route, causes: Sequence[Cause]
) -> tuple[ShareChange, ...]:
    """One entry for each channel of the route whose share is not what it was."""
    before = shares_of(current)
    own = {cause.channel: cause for cause in causes}
    gone = {cause.channel: cause for cause in snapshot.causes if cause.route == route.name}
    changes = []
    for channel, share in shares_of(route).items():
        was = before.get(channel, 0.0)
        if abs(share - was) > 1e-9:
            reason = _reason(snapshot, channel, share - was, own, gone)
            changes.append(
                ShareChange(route=route.name, channel=channel, before=was, after=share, reason=reason)
            )
    return tuple(changes)


def _reason(
    snapshot: Snapshot,
    channel: ChannelId,
    change: float,
    own: dict[ChannelId, Cause],
    gone: dict[ChannelId, Cause],
) -> Reason:
    cause = own.get(channel)
    if snapshot.kill_switch:
        return Reason(channel, ReasonCode.KILL_SWITCH, "back to its configured weight")
    if cause is not None and change < 0:
        return Reason(channel, cause.code, cause.detail)
    if change > 0 and (relieved := _newest(own, channel)):
        return Reason(relieved.channel, relieved.code, f"takes over from {relieved.channel}")
    return _returning(snapshot, channel, change, gone)


def _newest(causes: dict[ChannelId, Cause], apart_from: ChannelId) -> Cause | None:
    others = [cause for cause in causes.values() if cause.channel != apart_from]
    return max(others, key=lambda cause: (cause.since_at, cause.channel), default=None)


def _returning(snapshot: Snapshot, channel: ChannelId, change: float, gone: dict[ChannelId, Cause]) -> Reason:
    overrun = overrun_of(snapshot)
    if overrun is not None:
        where = "favours" if change > 0 else "spares"
        detail = f"budget {overrun.name}: ${overrun.projected_usd:.2f} expected of ${overrun.limit_usd:.2f}, {where} it"
        return Reason(channel, ReasonCode.BUDGET, detail)
    was = gone.get(channel)
    if was is not None and was.code is ReasonCode.FORECAST:
        return Reason(channel, ReasonCode.FORECAST_CLEARED, "the forecast trouble is over; its share returns")
    detail = "healthy again; its share returns" if change > 0 else "gives back what it had taken over"
    return Reason(channel, ReasonCode.RECOVERED, detail)
