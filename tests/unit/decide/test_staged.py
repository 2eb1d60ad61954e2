"""Capabilities at different stages: who moves what, and what the others would have done."""

from dataclasses import replace
from decimal import Decimal

import pytest

from foreroute.core.decision import Autopilot, Capability, Decision, ReasonCode
from foreroute.core.findings import BudgetStatus, Remedy
from foreroute.core.ids import ChannelId, DecisionId, IncidentId, RouteName
from foreroute.core.plan import Objective, Route, RoutingPlan, Target
from foreroute.core.series import Metric
from foreroute.decide.decide import decide
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import Approval, ChannelState, Outlook, Snapshot

A, B, C, D = (ChannelId(name) for name in "abcd")
CHAT = RouteName("chat")
RAILS = Guardrails()
GOOD = ChannelState(now_s=0.3, failure_ratio=0.0, judged=50, measured=180)
OBSERVE, SUGGEST, ACT = Autopilot.OBSERVE, Autopilot.SUGGEST, Autopilot.ACT
REMEDY = Remedy(channel=B, incident=IncidentId("i"), playbook="p", weight_max_ratio=0.0, until=9000.0)
OVERRUN = BudgetStatus(
    name="monthly",
    period_start_at=0.0,
    period_end_at=1e6,
    limit_usd=Decimal(100),
    spent_usd=Decimal(90),
    projected_usd=Decimal(150),
    projected_lower_usd=Decimal(120),
    projected_upper_usd=Decimal(180),
)


def outlook(mean: float, *, spread: float = 0.05) -> Outlook:
    return Outlook(
        horizon_s=900.0,
        mean_s=mean,
        lower_s=mean - spread,
        upper_s=mean + spread,
        coverage=0.8,
        model="ensemble",
        has_vote=True,
    )


def snapshot(
    states: dict[ChannelId, ChannelState], stages: dict[Capability, Autopilot], **more: object
) -> Snapshot:
    route = Route(name=CHAT, targets=tuple(Target(channel=name, weight=0.25) for name in (A, B, C, D)))
    base = Snapshot(
        at=60.0,
        decision_id=DecisionId("d1"),
        autopilot=ACT,
        kill_switch=False,
        configured={CHAT: route},
        current=RoutingPlan(version=1, made_at=0.0, valid_until=600.0, routes={CHAT: route}),
        objectives={CHAT: Objective(metric=Metric.FIRST_CHUNK_P95, limit_s=0.6)},
        channels=dict.fromkeys((A, B, C, D), GOOD) | states,
        stages=stages,
    )
    return replace(base, **more)  # type: ignore[arg-type]


def share(decision: Decision, channel: ChannelId) -> float:
    return next(t.weight for t in decision.plan.routes[CHAT].targets if t.channel == channel)


def step(state: Snapshot, **change: object) -> tuple[Snapshot, Decision]:
    decision = decide(state, RAILS)
    after = replace(state, at=state.at + 60.0, current=decision.plan, causes=decision.causes)
    return replace(after, **change), decision  # type: ignore[arg-type]


SLOW = replace(GOOD, outlook=outlook(0.9))
ILL = replace(GOOD, remedies=(REMEDY,))


def test_one_that_acts_moves_its_shares_and_the_other_only_says_so() -> None:
    decision = decide(snapshot({A: SLOW, B: ILL}, {Capability.PLAYBOOKS: OBSERVE}), RAILS)
    assert decision.applied
    assert share(decision, A) < 0.25 < share(decision, B)
    (proposal,) = decision.proposals
    assert (proposal.capability, proposal.stage) == (Capability.PLAYBOOKS, OBSERVE)
    moved = {change.channel: change for change in proposal.changes}
    assert moved[B].after == 0.0
    assert moved[B].before == pytest.approx(share(decision, B))
    assert moved[B].reason.code is ReasonCode.REMEDY
    said = next(reason.detail for reason in decision.reasons if reason.code is ReasonCode.AUTOPILOT_OFF)
    assert said == "playbooks is at observe: the reactive policy stands in"


def test_what_only_observes_is_not_counted_as_trouble_of_those_that_act() -> None:
    decision = decide(snapshot({A: SLOW}, {Capability.ROUTING: OBSERVE}), RAILS)
    assert share(decision, A) == 0.25
    assert decision.changes == ()
    assert [proposal.capability for proposal in decision.proposals] == [Capability.ROUTING]


def test_a_budget_that_suggests_leaves_the_shares_and_proposes_cheaper_ones() -> None:
    priced = {
        A: replace(GOOD, usd_per_request=Decimal("0.004")),
        B: replace(GOOD, usd_per_request=Decimal("0.001")),
    }
    state = snapshot(priced, {Capability.BUDGET: SUGGEST}, budgets=(OVERRUN,))
    decision = decide(state, RAILS)
    assert decision.changes == ()
    (proposal,) = decision.proposals
    assert {change.reason.code for change in proposal.changes} == {ReasonCode.BUDGET}
    yes = decide(replace(state, approved=(Approval(Capability.BUDGET),)), RAILS)
    assert share(yes, A) < 0.25 < share(yes, B)


def test_what_is_approved_is_done_for_its_channel_alone_and_returns_with_the_trouble_gone() -> None:
    stages = dict.fromkeys(Capability, SUGGEST)
    state = snapshot({A: SLOW, B: SLOW}, stages, approved=(Approval(Capability.ROUTING, A),))
    for _ in range(4):
        state, decision = step(state)
        assert decision.applied
    assert share(decision, A) < 0.1
    assert share(decision, B) > 0.25
    assert {change.channel for one in decision.proposals for change in one.changes} >= {B}
    state = replace(state, channels=dict.fromkeys((A, B, C, D), GOOD))
    for _ in range(12):
        state, decision = step(state)
    assert share(decision, A) == pytest.approx(0.25)


def test_what_is_lowered_gives_back_what_it_had_moved_and_says_why() -> None:
    state, decision = step(snapshot({A: SLOW}, {}))
    assert share(decision, A) == pytest.approx(0.1)
    state, decision = step(replace(state, stages={Capability.ROUTING: OBSERVE}))
    back = next(change for change in decision.changes if change.channel == A)
    assert decision.applied
    assert back.after > back.before
    assert back.reason.code is ReasonCode.AUTOPILOT_OFF
    assert back.reason.detail == "routing does not act any more; its share returns"


def test_trouble_stands_on_while_its_capability_only_observes() -> None:
    """Hysteresis is the same at every stage: a forecast that is half clear still proposes."""
    state, decision = step(snapshot({A: SLOW}, {Capability.ROUTING: OBSERVE}))
    assert [cause.channel for cause in decision.causes] == [A]
    half = replace(GOOD, outlook=outlook(0.59, spread=0.1))
    _, decision = step(replace(state, channels={**state.channels, A: half}))
    assert decision.proposals


@pytest.mark.parametrize(("mean", "moves"), [(0.62, False), (0.9, True)])
def test_a_young_channel_is_moved_on_stronger_evidence_only(mean: float, *, moves: bool) -> None:
    unsure = replace(GOOD, outlook=outlook(mean, spread=0.08))
    grown = decide(snapshot({A: unsure}, {}), RAILS)
    assert share(grown, A) < 0.25
    young = decide(snapshot({A: replace(unsure, measured=12)}, {}), RAILS)
    assert (share(young, A) < 0.25) is moves
    held = [reason for reason in young.reasons if reason.code is ReasonCode.YOUNG]
    assert len(held) == (0 if moves else 1)
    if held:
        assert held[0].detail.startswith("12 of 30 minutes measured")


def test_a_forecast_never_drains_a_young_channel() -> None:
    decision = decide(snapshot({A: replace(SLOW, measured=5)}, {}), RAILS)
    assert [cause.bound for cause in decision.causes] == [0.4]


def test_few_failures_of_a_young_channel_prove_little() -> None:
    failing = ChannelState(now_s=0.3, failure_ratio=0.5, judged=7, measured=180)
    assert decide(snapshot({A: failing}, {}), RAILS).changes
    assert not decide(snapshot({A: replace(failing, measured=3)}, {}), RAILS).changes
