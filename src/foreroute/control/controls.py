"""The operator's standing wishes: how far each capability may go, the kill switch, and what an undo needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from foreroute.core.decision import (
    DECIDED,
    Autopilot,
    Capability,
    Cause,
    Decision,
    Reason,
    ReasonCode,
    ShareChange,
)
from foreroute.core.errors import StoreCorrupt
from foreroute.core.experiment import Override, Planned
from foreroute.core.ids import ChannelId, DecisionId
from foreroute.core.plan import RoutingPlan
from foreroute.decide.snapshot import Approval

RANKS: Final = (Autopilot.OBSERVE, Autopilot.SUGGEST, Autopilot.ACT)
"""From the least that a capability may do to the most."""


@dataclass(slots=True, kw_only=True)
class Steering:
    """The operator's standing wishes, and what an undo needs to know. Owned by the loop."""

    autopilot: Autopilot
    """How far those capabilities may go that have no stage of their own."""
    stages: dict[Capability, Autopilot] = field(default_factory=dict)
    granted: dict[Capability, Autopilot] = field(default_factory=dict)
    """What the configuration allows: up to there no proof is asked for."""
    since_at: dict[Capability, float] = field(default_factory=dict)
    """When each capability came to its stage, where that is known."""
    approved: tuple[Approval, ...] = ()
    kill_switch: bool = False
    suppressed_until: dict[ChannelId, float] = field(default_factory=dict)
    overrides: dict[DecisionId, Override] = field(default_factory=dict)
    """What was promoted, by the decision that did it, oldest first."""
    experiments: Planned = field(default_factory=dict)
    """What runs now."""
    held_out: Planned = field(default_factory=dict)
    """Whose requests keep the configured weights, so that savings can be measured."""
    applied: list[tuple[RoutingPlan, Decision]] = field(default_factory=list)
    """Applied decisions, newest last, each with the plan before it."""

    _KEEP = 50

    def __post_init__(self) -> None:
        if not self.granted:
            self.granted = {one: self.stage(one) for one in Capability}

    def stage(self, capability: Capability) -> Autopilot:
        return self.stages.get(capability, self.autopilot)

    @property
    def highest(self) -> Autopilot:
        """How far any capability may go that something here makes moves for."""
        return max((self.stage(one) for one in DECIDED), key=RANKS.index)

    def move(self, capability: Capability, stage: Autopilot, at: float) -> None:
        """Approvals of a capability whose stage changes are void."""
        if stage is self.stage(capability):
            return
        self.stages[capability], self.since_at[capability] = stage, at
        self.approved = tuple(one for one in self.approved if one.capability is not capability)

    def configure(self, autopilot: Autopilot, stages: Mapping[Capability, Autopilot]) -> None:
        """What a configuration says that says something new; the same as before changes nothing."""
        granted = {one: stages.get(one, autopilot) for one in Capability}
        if granted != self.granted:
            self.autopilot, self.stages, self.granted = autopilot, dict(stages), granted
            self.since_at, self.approved = {}, ()

    def remember(self, before: RoutingPlan, decision: Decision) -> None:
        self.applied.append((before, decision))
        del self.applied[: -self._KEEP]

    def expire(self, at: float) -> None:
        self.suppressed_until = {c: until for c, until in self.suppressed_until.items() if until > at}

    def applied_since(self, at: float) -> int:
        return sum(1 for _, decision in self.applied if decision.at >= at)

    def dump(self) -> bytes:
        """The stages, for the next run, with the configuration that they came from."""
        body = {
            "granted": self.granted,
            "stages": {one: self.stage(one) for one in Capability},
            "since_at": self.since_at,
        }
        return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)

    def load(self, state: bytes) -> None:
        """Takes up the stages of an earlier run, unless the configuration has changed since. Raises StoreCorrupt."""
        try:
            body = orjson.loads(state)
            granted, stages = _stages_of(body["granted"]), _stages_of(body["stages"])
            since_at = {Capability(name): float(at) for name, at in body["since_at"].items()}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise StoreCorrupt(f"the stages of the rollout cannot be read: {error}") from None
        if granted == self.granted:
            self.stages, self.since_at = stages, since_at


def _stages_of(fields: Mapping[str, str]) -> dict[Capability, Autopilot]:
    return {Capability(name): Autopilot(stage) for name, stage in fields.items()}


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
    steering.approved = tuple(one for one in steering.approved if one.channel not in {None, *touched})
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
