"""What the capabilities that act may know, and what the others would do if they acted."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from foreroute.core.decision import (
    DECIDED,
    Autopilot,
    Capability,
    Reason,
    ReasonCode,
    ShareChange,
    capability_of,
)
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Route
from foreroute.decide.snapshot import Approval, ChannelState, Snapshot

_SAME: Final = 1e-9


def stage_of(snapshot: Snapshot, capability: Capability) -> Autopilot:
    return snapshot.stages.get(capability, snapshot.autopilot)


def acting(snapshot: Snapshot) -> frozenset[Capability]:
    return frozenset(one for one in DECIDED if stage_of(snapshot, one) is Autopilot.ACT)


def only(snapshot: Snapshot, capabilities: Collection[Capability]) -> Snapshot:
    """The snapshot without what the other capabilities would act upon, apart from what an operator has approved."""

    def may(capability: Capability, channel: ChannelId | None) -> bool:
        return capability in capabilities or Approval(capability, channel) in snapshot.approved

    return replace(
        snapshot,
        channels={
            name: _known(
                state, routing=may(Capability.ROUTING, name), playbooks=may(Capability.PLAYBOOKS, name)
            )
            for name, state in snapshot.channels.items()
        },
        budgets=snapshot.budgets if may(Capability.BUDGET, None) else (),
        aims=snapshot.aims if may(Capability.OPTIMUM, None) else None,
        # What was served and may not be pursued any more is on its way back.
        pursued={
            name: one
            for name, one in snapshot.pursued.items()
            if one.in_force or may(Capability.OPTIMUM, None)
        },
        causes=tuple(
            cause
            for cause in snapshot.causes
            if (owner := capability_of(cause.code)) is None or may(owner, cause.channel)
        ),
    )


def _known(state: ChannelState, *, routing: bool, playbooks: bool) -> ChannelState:
    if not playbooks:
        state = replace(state, remedies=())
    return state if routing else replace(state, now_s=None, failure_ratio=None, judged=0, outlook=None)


def beyond(changes: Iterable[ShareChange], served: Route) -> tuple[ShareChange, ...]:
    """What these changes would add to the shares that are going to be served."""
    shares = {target.channel: target.weight for target in served.targets}
    return tuple(
        replace(change, before=shares.get(change.channel, 0.0))
        for change in changes
        if abs(change.after - shares.get(change.channel, 0.0)) > _SAME
    )


def withdrawn(change: ShareChange, snapshot: Snapshot, may_act: Collection[Capability]) -> ShareChange:
    """The same change, with the right reason when a share returns because its capability may not act any more."""
    owners = {
        capability_of(cause.code)
        for cause in snapshot.causes
        if cause.route == change.route and cause.channel == change.channel
    }
    lowered = sorted(owner for owner in owners if owner is not None and owner not in may_act)
    if change.reason.code is ReasonCode.OPTIMUM_OVER and Capability.OPTIMUM not in may_act:
        detail = f"{Capability.OPTIMUM} does not act any more; its share returns"
        return replace(change, reason=Reason(change.channel, ReasonCode.AUTOPILOT_OFF, detail))
    if not lowered or change.after < change.before:
        return change
    detail = f"{lowered[0]} does not act any more; its share returns"
    return replace(change, reason=Reason(change.channel, ReasonCode.AUTOPILOT_OFF, detail))


def idle_reasons(snapshot: Snapshot, proposing: Iterable[Capability]) -> list[Reason]:
    """Why what is proposed is not done, and what stands in for it."""
    stages = {stage_of(snapshot, one) for one in DECIDED}
    if len(stages) == 1:
        return [Reason(None, ReasonCode.AUTOPILOT_OFF, f"autopilot is on {stages.pop()}")]
    return [
        Reason(None, ReasonCode.AUTOPILOT_OFF, f"{one} is at {stage_of(snapshot, one)}: {_STAND_INS[one]}")
        for one in proposing
    ]


_STAND_INS: Final = {
    Capability.ROUTING: "the configured weights stand in, and the gateway's breakers",
    Capability.BUDGET: "prices move nothing",
    Capability.OPTIMUM: "the configured weights stand in",
    Capability.PLAYBOOKS: "the reactive policy stands in",
    Capability.TUNING: "the configured limits stand in",
}
