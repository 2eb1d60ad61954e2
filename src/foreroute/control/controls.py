"""What an operator can do to the loop: autopilot, kill switch, undo. Each takes effect at once and is on record."""

from dataclasses import dataclass, field, replace

from foreroute.core.decision import Autopilot, Cause, Decision, Reason, ReasonCode, ShareChange
from foreroute.core.experiment import Override, Planned
from foreroute.core.ids import ChannelId, DecisionId
from foreroute.core.plan import RoutingPlan


@dataclass(slots=True, kw_only=True)
class Steering:
    """The operator's standing wishes, and what an undo needs to know. Owned by the loop."""

    autopilot: Autopilot
    kill_switch: bool = False
    suppressed_until: dict[ChannelId, float] = field(default_factory=dict)
    overrides: dict[DecisionId, Override] = field(default_factory=dict)
    """What was promoted, by the decision that did it, oldest first."""
    experiments: Planned = field(default_factory=dict)
    """What runs now."""
    applied: list[tuple[RoutingPlan, Decision]] = field(default_factory=list)
    """Applied decisions, newest last, each with the plan before it."""

    _KEEP = 50

    def remember(self, before: RoutingPlan, decision: Decision) -> None:
        self.applied.append((before, decision))
        del self.applied[: -self._KEEP]

    def expire(self, at: float) -> None:
        self.suppressed_until = {c: until for c, until in self.suppressed_until.items() if until > at}

    def applied_since(self, at: float) -> int:
        return sum(1 for _, decision in self.applied if decision.at >= at)


def undo(
    steering: Steering,
    current: RoutingPlan,
    causes: tuple[Cause, ...],
    *,
    at: float,
    hold_s: float,
    name: DecisionId,
) -> Decision | None:
    """The decision that takes back the newest applied one; None if there is none.

    Its channels are left alone by the automatic for `hold_s` seconds (playbooks excepted), or the next
    tick would do the same again.
    """
    if not steering.applied:
        return None
    before, undone = steering.applied.pop()
    steering.overrides.pop(undone.id, None)
    touched = {change.channel for change in undone.changes}
    steering.suppressed_until |= dict.fromkeys(touched, at + hold_s)
    reason = f"undid decision {undone.id}; held for {hold_s / 60:.0f} min"
    plan = replace(
        before,
        version=current.version + 1,
        made_at=at,
        valid_until=max(current.valid_until, before.valid_until),
    )
    return Decision(
        id=name,
        at=at,
        plan=plan,
        applied=True,
        changes=tuple(_back(change, reason) for change in undone.changes),
        causes=tuple(cause for cause in causes if cause.channel not in touched),
        reasons=(Reason(None, ReasonCode.MANUAL, reason),),
    )


def _back(change: ShareChange, detail: str) -> ShareChange:
    return ShareChange(
        route=change.route,
        channel=change.channel,
        before=change.after,
        after=change.before,
        reason=Reason(change.channel, ReasonCode.MANUAL, detail),
    )
