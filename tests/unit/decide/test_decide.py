"""The decision, case by case: what moves, how far, why, and what holds it back."""

from dataclasses import replace
from decimal import Decimal

import pytest

from foreroute.core.attempt import PickReason
from foreroute.core.decision import Autopilot, Decision, ReasonCode
from foreroute.core.findings import BudgetStatus, Remedy
from foreroute.core.ids import ChannelId, DecisionId, IncidentId, RouteName
from foreroute.core.plan import Objective, Route, RoutingPlan, Target
from foreroute.core.series import Metric
from foreroute.decide.decide import decide
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import ChannelState, Outlook, Snapshot

A, B, C, D = (ChannelId(name) for name in "abcd")
CHAT = RouteName("chat")
RAILS = Guardrails()
GOOD = ChannelState(now_s=0.3, failure_ratio=0.0, judged=50)


def outlook(mean: float, *, spread: float = 0.05, vote: bool = True) -> Outlook:
    return Outlook(
        horizon_s=900.0,
        mean_s=mean,
        lower_s=mean - spread,
        upper_s=mean + spread,
        coverage=0.8,
        model="ensemble",
        has_vote=vote,
    )


def route(**weights: float) -> Route:
    targets = tuple(Target(channel=ChannelId(name), weight=weight) for name, weight in weights.items())
    return Route(name=CHAT, targets=targets)


def snapshot(
    states: dict[ChannelId, ChannelState], configured: Route | None = None, **more: object
) -> Snapshot:
    configured = configured or route(a=0.25, b=0.25, c=0.25, d=0.25)
    plan = RoutingPlan(version=1, made_at=0.0, valid_until=600.0, routes={CHAT: configured})
    base = Snapshot(
        at=60.0,
        decision_id=DecisionId("d1"),
        autopilot=Autopilot.ACT,
        kill_switch=False,
        configured={CHAT: configured},
        current=plan,
        objectives={CHAT: Objective(metric=Metric.FIRST_CHUNK_P95, limit_s=0.6)},
        channels={A: GOOD, B: GOOD, C: GOOD, D: GOOD} | states,
    )
    return replace(base, **more)  # type: ignore[arg-type]


def share(decision: Decision, channel: ChannelId) -> float:
    return next(t.weight for t in decision.plan.routes[CHAT].targets if t.channel == channel)


def follow(first: Snapshot, steps: int, *, every_s: float = 60.0, **change: object) -> Decision:
    """Decides `steps` times in a row, each on what the one before left."""
    state, decision = first, decide(first, RAILS)
    for _ in range(steps - 1):
        state = replace(
            state,
            at=state.at + every_s,
            current=decision.plan,
            causes=decision.causes,
            **change,  # type: ignore[arg-type]
        )
        decision = decide(state, RAILS)
    return decision


def test_healthy_channels_keep_the_configured_weights() -> None:
    decision = decide(snapshot({}), RAILS)
    assert decision.changes == ()
    assert decision.plan.version == 1
    assert decision.plan.valid_until == 60.0 + RAILS.plan_valid_s


def test_a_forecast_breach_moves_one_step_with_its_reason() -> None:
    decision = decide(snapshot({A: replace(GOOD, outlook=outlook(0.8))}), RAILS)
    assert share(decision, A) == pytest.approx(0.25 - RAILS.share_step_max)
    change = next(change for change in decision.changes if change.channel == A)
    assert change.reason.code is ReasonCode.FORECAST
    assert "800 ms expected in 15 min" in change.reason.detail
    assert "limit 600 ms" in change.reason.detail
    assert decision.plan.routes[CHAT].reason is PickReason.FORECAST
    assert {c.reason.code for c in decision.changes if c.channel != A} == {ReasonCode.FORECAST}
    assert ReasonCode.GUARDRAIL in {reason.code for reason in decision.reasons}


def test_a_relieved_channel_keeps_the_floor() -> None:
    configured = route(a=0.1, b=0.3, c=0.3, d=0.3)
    decision = follow(snapshot({A: replace(GOOD, outlook=outlook(0.9))}, configured), 10)
    assert share(decision, A) == pytest.approx(RAILS.share_floor)


def test_a_forecast_without_a_vote_does_not_steer_and_says_so() -> None:
    decision = decide(snapshot({A: replace(GOOD, outlook=outlook(0.9, vote=False))}), RAILS)
    assert decision.changes == ()
    assert [(r.channel, r.code) for r in decision.reasons] == [(A, ReasonCode.NO_VOTE)]


def test_without_a_vote_the_reactive_policy_decides() -> None:
    slow = ChannelState(now_s=0.7, failure_ratio=0.0, judged=20, outlook=outlook(0.9, vote=False))
    decision = decide(snapshot({A: slow}), RAILS)
    assert next(c for c in decision.changes if c.channel == A).reason.code is ReasonCode.SLOW


def test_a_few_samples_prove_nothing() -> None:
    few = ChannelState(now_s=5.0, failure_ratio=1.0, judged=RAILS.samples_min - 1)
    assert decide(snapshot({A: few}), RAILS).changes == ()


def test_failures_go_before_slowness() -> None:
    both = ChannelState(now_s=0.9, failure_ratio=0.5, judged=40)
    decision = decide(snapshot({A: both}), RAILS)
    assert next(c for c in decision.changes if c.channel == A).reason.code is ReasonCode.FAILING


def test_a_playbook_ejects_at_once_and_others_take_over_in_proportion() -> None:
    remedy = Remedy(
        channel=A, incident=IncidentId("i1"), playbook="overloaded", weight_max_ratio=0.0, until=600.0
    )
    decision = decide(snapshot({A: replace(GOOD, remedies=(remedy,))}), RAILS)
    assert share(decision, A) == 0.0
    assert share(decision, B) == pytest.approx(1 / 3)
    assert "overloaded" in next(c for c in decision.changes if c.channel == A).reason.detail


def test_an_expired_remedy_holds_nothing() -> None:
    remedy = Remedy(channel=A, incident=IncidentId("i1"), playbook="p", weight_max_ratio=0.0, until=60.0)
    assert decide(snapshot({A: replace(GOOD, remedies=(remedy,))}), RAILS).changes == ()


def held(ratio: float, until: float = 1e9) -> Remedy:
    return Remedy(channel=A, incident=IncidentId("i1"), playbook="p", weight_max_ratio=ratio, until=until)


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (replace(GOOD, failure_ratio=0.5), ReasonCode.FAILING),
        (replace(GOOD, now_s=0.9), ReasonCode.SLOW),
        (replace(GOOD, outlook=outlook(0.9)), ReasonCode.FORECAST),
    ],
)
def test_a_mild_remedy_does_not_hide_the_trouble(trouble: ChannelState, code: ReasonCode) -> None:
    alone = follow(snapshot({A: trouble}), 10)
    both = follow(snapshot({A: replace(trouble, remedies=(held(0.9),))}), 10)
    assert share(both, A) == pytest.approx(share(alone, A))
    assert {cause.code for cause in both.causes} == {ReasonCode.REMEDY, code}


def test_a_strict_remedy_holds_what_the_trouble_alone_would_leave() -> None:
    trouble = replace(GOOD, outlook=outlook(0.9), remedies=(held(0.0),))
    decision = decide(snapshot({A: trouble}), RAILS)
    assert share(decision, A) == 0.0
    assert decision.changes[0].reason.code is ReasonCode.REMEDY


def test_a_remedy_that_ends_leaves_the_trouble_standing() -> None:
    trouble = replace(GOOD, failure_ratio=0.5)
    first = decide(snapshot({A: replace(trouble, remedies=(held(0.0, until=90.0),))}), RAILS)
    later = follow(snapshot({A: trouble}, current=first.plan, causes=first.causes), 10)
    assert [cause.code for cause in later.causes] == [ReasonCode.FAILING]
    assert 0.0 < share(later, A) < 0.1
    assert later.causes[0].since_at == 60.0, "since it was seen, not since the playbook let go"


def test_in_panic_only_remedies_hold() -> None:
    trouble = replace(GOOD, failure_ratio=0.5)
    remedied = replace(trouble, remedies=(held(0.5),))
    decision = follow(snapshot({A: remedied, B: trouble, C: trouble, D: trouble}), 10)
    assert share(decision, A) == pytest.approx(0.125 / 0.875)
    assert share(decision, B) == pytest.approx(0.25 / 0.875)


def test_channels_that_playbooks_hold_a_little_are_no_reason_to_panic() -> None:
    mild = replace(GOOD, remedies=(held(0.9),))
    states = {A: replace(GOOD, failure_ratio=0.5), B: mild, C: mild, D: mild}
    assert share(follow(snapshot(states), 10), A) < 0.05


def test_a_cause_is_lifted_only_after_the_dwell_time() -> None:
    troubled = snapshot({A: replace(GOOD, outlook=outlook(0.9))})
    drained = follow(troubled, 5)
    calm = snapshot(
        {A: replace(GOOD, outlook=outlook(0.3))}, at=400.0, current=drained.plan, causes=drained.causes
    )
    still = follow(calm, 5)
    assert still.causes
    assert share(still, A) == pytest.approx(share(drained, A))
    after = follow(calm, 12)
    assert after.causes == ()
    assert share(after, A) == pytest.approx(0.25)


def test_returning_says_that_the_forecast_cleared() -> None:
    drained = follow(snapshot({A: replace(GOOD, outlook=outlook(0.9))}), 5)
    calm = snapshot(
        {A: replace(GOOD, outlook=outlook(0.3))}, at=400.0, current=drained.plan, causes=drained.causes
    )
    codes = set()
    state, decision = calm, decide(calm, RAILS)
    for _ in range(8):
        state = replace(state, at=state.at + 60, current=decision.plan, causes=decision.causes)
        decision = decide(state, RAILS)
        codes |= {c.reason.code for c in decision.changes if c.channel == A}
    assert ReasonCode.FORECAST_CLEARED in codes


def test_a_forecast_near_the_limit_keeps_a_cause_but_makes_none() -> None:
    near = replace(GOOD, outlook=outlook(0.59))
    assert decide(snapshot({A: near}), RAILS).causes == ()
    troubled = decide(snapshot({A: replace(GOOD, outlook=outlook(0.9))}), RAILS)
    kept = follow(snapshot({A: near}, at=120.0, current=troubled.plan, causes=troubled.causes), 20)
    assert [cause.clear_since_at for cause in kept.causes] == [None]


def test_panic_when_too_little_is_healthy() -> None:
    slow = ChannelState(now_s=0.9, failure_ratio=0.0, judged=50)
    decision = decide(snapshot({A: slow, B: slow, C: slow}), RAILS)
    assert decision.changes == ()
    assert ReasonCode.PANIC in {reason.code for reason in decision.reasons}


def test_at_most_half_of_the_channels_are_relieved_the_worst_first() -> None:
    bad = ChannelState(now_s=0.9, failure_ratio=0.0, judged=50)
    mild = replace(GOOD, outlook=outlook(0.62, spread=0.1))
    configured = route(a=0.1, b=0.1, c=0.1, d=0.7)
    decision = follow(snapshot({A: mild, B: bad, C: bad}, configured), 6)
    relieved = {c for c in (A, B, C, D) if share(decision, c) < 0.09}
    assert relieved == {B, C}


def test_the_last_channel_is_never_ejected() -> None:
    remedy = Remedy(channel=A, incident=IncidentId("i"), playbook="p", weight_max_ratio=0.0, until=900.0)
    decision = decide(snapshot({A: replace(GOOD, remedies=(remedy,))}, route(a=1.0)), RAILS)
    assert share(decision, A) == 1.0


def test_an_ejected_first_priority_leaves_the_second_in_charge() -> None:
    first, second = Target(channel=A, weight=1.0), Target(channel=B, weight=1.0, priority=1)
    remedy = Remedy(channel=A, incident=IncidentId("i"), playbook="p", weight_max_ratio=0.0, until=900.0)
    configured = Route(name=CHAT, targets=(first, second))
    decision = decide(snapshot({A: replace(GOOD, remedies=(remedy,))}, configured), RAILS)
    assert (share(decision, A), share(decision, B)) == (0.0, 1.0)


@pytest.mark.parametrize("mode", [Autopilot.OBSERVE, Autopilot.SUGGEST])
def test_observe_and_suggest_record_but_do_not_move(mode: Autopilot) -> None:
    state = snapshot({A: replace(GOOD, outlook=outlook(0.9))}, autopilot=mode)
    decision = decide(state, RAILS)
    assert not decision.applied
    assert decision.changes
    assert decision.plan.routes == state.current.routes
    assert decision.reasons[0].code is ReasonCode.AUTOPILOT_OFF


def test_the_kill_switch_returns_to_the_configured_weights() -> None:
    drained = follow(snapshot({A: replace(GOOD, outlook=outlook(0.9))}), 5)
    decision = decide(snapshot({}, kill_switch=True, current=drained.plan), RAILS)
    assert share(decision, A) == 0.25
    assert decision.applied
    assert decision.reasons[0].code is ReasonCode.KILL_SWITCH


def test_an_undo_protects_its_channels_but_not_from_playbooks() -> None:
    trouble = replace(GOOD, outlook=outlook(0.9))
    assert decide(snapshot({A: trouble}, suppressed_until={A: 900.0}), RAILS).changes == ()
    remedy = Remedy(channel=A, incident=IncidentId("i"), playbook="p", weight_max_ratio=0.0, until=900.0)
    ejected = decide(snapshot({A: replace(trouble, remedies=(remedy,))}, suppressed_until={A: 900.0}), RAILS)
    assert share(ejected, A) == 0.0


def test_a_spent_action_budget_stops_everything_but_playbooks() -> None:
    trouble = {A: replace(GOOD, outlook=outlook(0.9))}
    assert decide(snapshot(trouble, actions_last_hour=RAILS.actions_per_hour_max), RAILS).changes == ()


def test_an_overrun_favours_cheap_channels_and_an_unknown_price_is_not_cheap() -> None:
    prices = {
        A: replace(GOOD, usd_per_request=Decimal("0.004")),
        B: replace(GOOD, usd_per_request=Decimal("0.001")),
        C: replace(GOOD, usd_per_request=None),
        D: replace(GOOD, usd_per_request=Decimal("0.002")),
    }
    budget = BudgetStatus(
        name="monthly",
        period_start_at=0.0,
        period_end_at=1e6,
        limit_usd=Decimal(100),
        spent_usd=Decimal(90),
        projected_usd=Decimal(150),
        projected_lower_usd=Decimal(120),
        projected_upper_usd=Decimal(180),
    )
    decision = follow(snapshot(prices, budgets=(budget,)), 8)
    assert share(decision, B) > share(decision, D) > share(decision, A) == pytest.approx(share(decision, C))
    first = decide(snapshot(prices, budgets=(budget,)), RAILS)
    assert {change.reason.code for change in first.changes} == {ReasonCode.BUDGET}
    unsure = replace(budget, projected_lower_usd=Decimal(80))
    assert decide(snapshot(prices, budgets=(unsure,)), RAILS).changes == ()


def test_a_failed_stage_is_named() -> None:
    decision = decide(snapshot({}, missing_stages=("forecast",)), RAILS)
    assert "forecast failed" in decision.reasons[0].detail


def test_who_makes_room_for_a_returning_channel_is_not_blamed() -> None:
    slow = replace(GOOD, outlook=outlook(0.9))
    held = Remedy(channel=B, incident=IncidentId("i"), playbook="p", weight_max_ratio=0.2, until=630.0)
    start = snapshot({A: slow, B: replace(GOOD, remedies=(held,))})
    settled = follow(start, 8)
    assert {c.channel for c in settled.causes} == {A, B}
    after = replace(
        start,
        at=660.0,
        current=settled.plan,
        causes=settled.causes,
        channels={A: slow, B: GOOD, C: GOOD, D: GOOD},
    )
    changes = {change.channel: change for change in decide(after, RAILS).changes}
    assert changes[B].after > changes[B].before
    assert all(changes[other].after < changes[other].before for other in (A, C, D))
    reasons = {changes[other].reason for other in (A, C, D)}
    assert [(reason.channel, reason.code) for reason in reasons] == [(B, ReasonCode.RECOVERED)]


def test_a_second_step_away_from_a_slowing_channel_keeps_its_reason() -> None:
    start = snapshot({A: replace(GOOD, outlook=outlook(0.9))}, route(a=0.7, b=0.1, c=0.1, d=0.1))
    second = follow(start, 2)
    changes = {change.channel: change for change in second.changes}
    assert changes[A].after < changes[A].before
    assert {change.reason.channel for change in changes.values()} == {A}
    assert {change.reason.code for change in changes.values()} == {ReasonCode.FORECAST}
