"""Snapshot in, decision out. Pure: no clock, no chance, no I/O.

For each route: find the causes, turn them into bounds, bounds into the shares that should be, and take one
step there within the guardrails. The stage of each capability then says whether its step is made or only recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from foreroute.core.attempt import PickReason
from foreroute.core.decision import (
    DECIDED,
    Action,
    ActionKind,
    Capability,
    Cause,
    Decision,
    Proposal,
    Reason,
    ReasonCode,
    ShareChange,
    capability_of,
)
from foreroute.core.ids import RouteName
from foreroute.core.optimum import Pursuit
from foreroute.core.plan import Route, RoutingPlan
from foreroute.decide.aim import aimed, is_live, may_pursue, pursuit_of
from foreroute.decide.causes import causes_of, held_back
from foreroute.decide.explain import overrun_of, share_changes, shares_of
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.pace import paced, paces_of
from foreroute.decide.promised import aim_known, held_reason, kept
from foreroute.decide.snapshot import UNKNOWN_STATE, Snapshot
from foreroute.decide.staged import acting, beyond, idle_reasons, only, stage_of, withdrawn
from foreroute.decide.weights import Shares, bounds_of, cheaper, desired_shares, one_step


@dataclass(frozen=True, slots=True)
class _RouteDecision:
    route: Route
    causes: tuple[Cause, ...] = ()
    changes: tuple[ShareChange, ...] = ()
    reasons: tuple[Reason, ...] = ()


def decide(snapshot: Snapshot, rails: Guardrails) -> Decision:
    """What the gateway shall serve from now on, and why. Never raises on a valid snapshot."""
    if snapshot.kill_switch:
        routes = snapshot.configured.values()
        return _decision(snapshot, rails, [_as_configured(snapshot, route) for route in routes], applied=True)
    may_act = acting(snapshot)
    if may_act.issuperset(DECIDED):
        decision = _decision(snapshot, rails, _decide_routes(snapshot, rails), applied=True)
    else:
        decision = _staged(snapshot, rails, may_act)
    return replace(decision, pursued=_pursued(snapshot, rails, in_force=may_pursue(snapshot, may_act)))


def _pursued(snapshot: Snapshot, rails: Guardrails, *, in_force: bool) -> dict[RouteName, Pursuit]:
    """What each route aims at, by all that is known: a proposal is no less steady than a move."""
    found = {name: pursuit_of(snapshot, route, rails)[0] for name, route in snapshot.configured.items()}
    return {
        name: replace(one, in_force=in_force or not one.shares)
        for name, one in found.items()
        if one is not None
    }


def _staged(snapshot: Snapshot, rails: Guardrails, may_act: frozenset[Capability]) -> Decision:
    """Those that act decide without the others; each of the others says what it would have done beside them."""
    served = [_withdrawn(part, snapshot, may_act) for part in _decide_routes(only(snapshot, may_act), rails)]
    proposals, causes = [], []
    for capability in DECIDED:
        if capability in may_act:
            continue
        beside = _decide_routes(only(snapshot, may_act | {capability}), rails)
        causes += [
            cause for part in beside for cause in part.causes if capability_of(cause.code) is capability
        ]
        changes = tuple(
            change
            for part, base in zip(beside, served, strict=True)
            for change in beyond(part.changes, base.route)
        )
        if changes:
            stage = stage_of(snapshot, capability)
            proposals.append(Proposal(capability=capability, stage=stage, changes=changes))
    applied = bool(may_act or snapshot.approved or any(part.changes for part in served))
    decision = _decision(
        snapshot, rails, served if applied else _decide_routes(snapshot, rails), applied=applied
    )
    mine = {(cause.route, cause.channel, cause.code) for part in served for cause in part.causes}
    others = [cause for cause in causes if (cause.route, cause.channel, cause.code) not in mine]
    return replace(
        decision,
        causes=(*(cause for part in served for cause in part.causes), *others),
        proposals=tuple(proposals),
        reasons=(*idle_reasons(snapshot, [one.capability for one in proposals]), *decision.reasons),
    )


def _withdrawn(part: _RouteDecision, snapshot: Snapshot, may_act: frozenset[Capability]) -> _RouteDecision:
    return replace(part, changes=tuple(withdrawn(change, snapshot, may_act) for change in part.changes))


def _decide_routes(snapshot: Snapshot, rails: Guardrails) -> list[_RouteDecision]:
    return [_decide_route(snapshot, route, rails) for route in snapshot.configured.values()]


def _decide_route(snapshot: Snapshot, configured: Route, rails: Guardrails) -> _RouteDecision:
    causes = causes_of(snapshot, configured, rails)
    pursuit, ignored = pursuit_of(snapshot, configured, rails)
    current = snapshot.current.routes.get(configured.name, configured)
    shares: Shares = {}
    reasons = [*_without_vote(snapshot, configured), *_young(snapshot, configured, rails), *ignored]
    priorities = sorted({target.priority for target in configured.targets})
    for priority in priorities:
        aim = pursuit if priority == priorities[0] else None
        tier, tier_reasons = _decide_tier(snapshot, configured, current, priority, causes, rails, aim)
        shares |= tier
        reasons += tier_reasons
    if not _worth_it(shares, current, causes, snapshot, rails):
        shares = shares_of(current)
    route = replace(
        configured,
        targets=tuple(
            replace(target, weight=shares.get(target.channel, 0.0)) for target in configured.targets
        ),
        reason=_pick_reason(snapshot, configured, causes, pursuit),
    )
    changes = share_changes(snapshot, route, current, causes, pursuit)
    return _RouteDecision(route, causes, changes, tuple(reasons))


def _decide_tier(
    snapshot: Snapshot,
    configured: Route,
    current: Route,
    priority: int,
    causes: Sequence[Cause],
    rails: Guardrails,
    aim: Pursuit | None,
) -> tuple[Shares, list[Reason]]:
    weights = {t.channel: t.weight for t in configured.targets if t.priority == priority}
    base = aimed(weights, aim)
    priorities = {target.priority for target in configured.targets}
    reasons = []
    if paces := paces_of(snapshot, configured.name):
        wished = paced(base, snapshot, paces, rails)
        # An optimum is about the first priority.
        known = aim_known(snapshot, configured.name, rails) if priority == min(priorities) else None
        base, held = kept(base, wished, known)
        reasons += [held_reason(configured.name, held)] if held else []
    if overrun_of(snapshot) is not None:
        prices = {channel: snapshot.channels.get(channel, UNKNOWN_STATE).usd_per_request for channel in base}
        base = cheaper(base, prices, rails.budget_price_exponent)
    several_tiers = len(priorities) > 1
    # How much is healthy is a part of the configured weight: an optimum may lay nearly all on one channel.
    bounds, panic = bounds_of(weights if is_live(aim) else base, causes, rails, may_empty=several_tiers)
    if is_live(aim) and not any(base[channel] * bounds[channel] for channel in base):
        base = weights
    desired = desired_shares(base, bounds, rails)
    shares, shortened = one_step(_tier_of(current, base), desired, rails)
    if panic:
        reasons.append(
            Reason(None, ReasonCode.PANIC, f"{configured.name}: too few healthy channels to move to")
        )
    if shortened:
        step = f"{configured.name}: one step of at most {rails.share_step_max:.0%} at a time"
        reasons.append(Reason(None, ReasonCode.GUARDRAIL, step))
    return shares, reasons


def _tier_of(route: Route, base: Shares) -> Shares:
    current = {channel: share for channel, share in shares_of(route).items() if channel in base}
    total = sum(current.values())
    return {c: share / total for c, share in current.items()} if total > 0 else dict(base)


def _worth_it(
    shares: Shares, current: Route, causes: Sequence[Cause], snapshot: Snapshot, rails: Guardrails
) -> bool:
    """Small moves are not worth a plan; a spent action budget lets only playbooks through."""
    before = shares_of(current)
    farthest = max((abs(share - before.get(channel, 0.0)) for channel, share in shares.items()), default=0.0)
    forced = any(cause.code is ReasonCode.REMEDY for cause in causes)
    spent = snapshot.actions_last_hour >= rails.actions_per_hour_max
    return farthest >= rails.share_change_min and (forced or not spent)


def _pick_reason(
    snapshot: Snapshot, route: Route, causes: Sequence[Cause], pursuit: Pursuit | None
) -> PickReason:
    """The newest standing cause names the plan; without one, a budget, the optimum or the configuration does."""
    if causes:
        newest = max(causes, key=lambda cause: cause.since_at)
        return PickReason.FORECAST if newest.code is ReasonCode.FORECAST else PickReason.HEALTH
    if overrun_of(snapshot) is not None or paces_of(snapshot, route.name):
        return PickReason.BUDGET
    return PickReason.OPTIMUM if is_live(pursuit) else PickReason.CONFIGURED


def _without_vote(snapshot: Snapshot, route: Route) -> list[Reason]:
    return [
        Reason(
            target.channel,
            ReasonCode.NO_VOTE,
            f"{outlook.model} is no better than the last value here; what is seen decides",
        )
        for target in route.targets
        if (outlook := snapshot.channels.get(target.channel, UNKNOWN_STATE).outlook) and not outlook.has_vote
    ]


def _young(snapshot: Snapshot, route: Route, rails: Guardrails) -> list[Reason]:
    found = []
    for target in route.targets:
        held = held_back(snapshot, route.name, target.channel, rails)
        if held is not None:
            measured = snapshot.channels[target.channel].measured
            detail = (
                f"{measured} of {rails.young_measured_min} minutes measured: too little to move it, "
                f"its share stays ({held[1]})"
            )
            found.append(Reason(target.channel, ReasonCode.YOUNG, detail))
    return found


def _as_configured(snapshot: Snapshot, configured: Route) -> _RouteDecision:
    current = snapshot.current.routes.get(configured.name, configured)
    return _RouteDecision(configured, (), share_changes(snapshot, configured, current, ()))


def _general_reasons(snapshot: Snapshot) -> list[Reason]:
    reasons = [
        Reason(None, ReasonCode.STAGE_MISSING, f"{stage} failed; decided without it")
        for stage in snapshot.missing_stages
    ]
    if snapshot.aims is not None and snapshot.aims.feasible and snapshot.aims.why:
        reasons.append(Reason(None, ReasonCode.OPTIMUM, snapshot.aims.why))
    if snapshot.kill_switch:
        reasons.append(Reason(None, ReasonCode.KILL_SWITCH, "the configured weights serve"))
    return reasons


def _decision(
    snapshot: Snapshot, rails: Guardrails, parts: Sequence[_RouteDecision], *, applied: bool
) -> Decision:
    routes = {part.route.name: part.route for part in parts} if applied else dict(snapshot.current.routes)
    changed = routes != dict(snapshot.current.routes)
    plan = RoutingPlan(
        version=snapshot.current.version + (1 if changed else 0),
        made_at=snapshot.at if changed else snapshot.current.made_at,
        valid_until=snapshot.at + rails.plan_valid_s,
        routes=routes,
    )
    return Decision(
        id=snapshot.decision_id,
        at=snapshot.at,
        plan=plan,
        applied=applied,
        changes=tuple(change for part in parts for change in part.changes),
        causes=tuple(cause for part in parts for cause in part.causes),
        reasons=(*_general_reasons(snapshot), *(reason for part in parts for reason in part.reasons)),
        actions=(Action(kind=ActionKind.PUBLISH_PLAN, key=f"{plan.version}:{plan.valid_until:.3f}"),),
    )
