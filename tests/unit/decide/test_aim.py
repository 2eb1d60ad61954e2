"""The cost optimum as something to aim at: when it moves shares, how far, and when it is left alone."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreroute.core.attempt import PickReason
from foreroute.core.decision import Autopilot, Capability, Decision, ReasonCode
from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.optimum import Aim, Aims
from foreroute.core.plan import Objective, Route, RoutingPlan, Target
from foreroute.core.series import Metric
from foreroute.decide.decide import decide
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import Approval, ChannelState, Snapshot

DEAR, CHEAP, SPARE = ChannelId("dear"), ChannelId("cheap"), ChannelId("spare")
CHAT = RouteName("chat")
RAILS = Guardrails()
GOOD = ChannelState(now_s=0.3, failure_ratio=0.0, judged=50, measured=180, usd_per_request=Decimal("0.001"))
AIM = Aim(
    shares={DEAR: 0.2, CHEAP: 0.8},
    usd_per_hour={DEAR: 10.0, CHEAP: 4.0},
    late_ratio={DEAR: 0.01, CHEAP: 0.06},
    limit_s=1.2,
    held_by="latency of chat",
)


def aims(aim: Aim = AIM, **more: object) -> Aims:
    return replace(Aims(solved_at=0.0, feasible=True, routes={CHAT: aim}), **more)  # type: ignore[arg-type]


def snapshot(**more: object) -> Snapshot:
    route = Route(
        name=CHAT,
        targets=(
            Target(channel=DEAR, weight=0.6),
            Target(channel=CHEAP, weight=0.4),
            Target(channel=SPARE, weight=1.0, priority=1),
        ),
    )
    base = Snapshot(
        at=60.0,
        decision_id=DecisionId("d1"),
        autopilot=Autopilot.ACT,
        kill_switch=False,
        configured={CHAT: route},
        current=RoutingPlan(version=1, made_at=0.0, valid_until=600.0, routes={CHAT: route}),
        objectives={CHAT: Objective(metric=Metric.FIRST_CHUNK_P95, limit_s=1.2)},
        channels=dict.fromkeys((DEAR, CHEAP, SPARE), GOOD),
        aims=aims(),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def shares(decision: Decision) -> dict[ChannelId, float]:
    return {target.channel: target.weight for target in decision.plan.routes[CHAT].targets}


def step(state: Snapshot, **change: object) -> tuple[Snapshot, Decision]:
    decision = decide(state, RAILS)
    after = replace(
        state,
        at=state.at + 60.0,
        current=decision.plan,
        causes=decision.causes,
        pursued=decision.pursued,
    )
    return replace(after, **change), decision  # type: ignore[arg-type]


def settle(state: Snapshot, ticks: int = 6) -> tuple[Snapshot, Decision]:
    state, decision = step(state)
    for _ in range(ticks - 1):
        state, decision = step(state)
    return state, decision


def test_a_cheaper_optimum_moves_one_bounded_step_and_says_what_it_is_worth() -> None:
    decision = decide(snapshot(), RAILS)
    assert shares(decision)[CHEAP] == pytest.approx(0.4 + RAILS.share_step_max)
    reasons = {change.reason.code for change in decision.changes}
    assert reasons == {ReasonCode.OPTIMUM}
    detail = decision.changes[0].reason.detail
    assert "95% under 1200 ms" in detail
    assert "$5.2 an hour" in detail
    assert "saves $2.4" in detail
    assert "held by latency of chat" in detail
    assert decision.plan.routes[CHAT].reason is PickReason.OPTIMUM


def test_steps_end_at_the_optimum_and_the_spare_tier_keeps_its_weight() -> None:
    _, decision = settle(snapshot())
    assert shares(decision) == pytest.approx({DEAR: 0.2, CHEAP: 0.8, SPARE: 1.0})


def test_a_channel_that_the_optimum_leaves_out_keeps_the_floor_unless_it_is_barred() -> None:
    everything = replace(AIM, shares={CHEAP: 1.0}, late_ratio={})
    _, decision = settle(snapshot(aims=aims(everything)), 10)
    assert shares(decision)[DEAR] == pytest.approx(RAILS.share_floor)
    _, decision = settle(snapshot(aims=aims(replace(everything, barred=frozenset({DEAR})))), 10)
    assert shares(decision)[DEAR] == 0.0


def test_hardly_cheaper_is_not_worth_a_move() -> None:
    dull = replace(AIM, usd_per_hour={DEAR: 10.0, CHEAP: 9.7})
    decision = decide(snapshot(aims=aims(dull)), RAILS)
    assert decision.changes == ()
    assert decision.pursued == {}


def test_two_optima_that_cost_the_same_are_not_chased() -> None:
    state, _ = settle(snapshot())
    other = replace(AIM, shares={DEAR: 0.19, CHEAP: 0.81})
    for _ in range(20):
        state, decision = step(state, aims=aims(other, solved_at=state.at))
        assert decision.changes == ()


def test_a_clearly_cheaper_one_is_taken_after_the_dwell_time() -> None:
    state, _ = step(snapshot())
    better = replace(AIM, shares={DEAR: 0.0, CHEAP: 1.0}, late_ratio={})
    state = replace(state, aims=aims(better, solved_at=state.at))
    assert decide(state, RAILS).pursued[CHAT].shares[DEAR] == pytest.approx(0.2)
    late = replace(state, at=60.0 + RAILS.dwell_s)
    assert decide(late, RAILS).pursued[CHAT].shares[DEAR] == pytest.approx(RAILS.share_floor)


def test_one_that_breaks_its_promise_is_left_at_once() -> None:
    state, _ = step(snapshot())
    slower = replace(AIM, shares={DEAR: 0.5, CHEAP: 0.5}, late_ratio={DEAR: 0.01, CHEAP: 0.09})
    decision = decide(replace(state, aims=aims(slower, solved_at=state.at)), RAILS)
    assert decision.pursued[CHAT].shares[CHEAP] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (aims(solved_at=-1.0 - RAILS.optimum_valid_s), "min old"),
        (
            aims(feasible=False, why="chat: 9% of its requests would be slower"),
            "no shares keep every promise",
        ),
    ],
)
def test_an_optimum_that_is_old_or_infeasible_is_ignored_and_said_so(found: Aims, says: str) -> None:
    decision = decide(snapshot(aims=found), RAILS)
    assert decision.changes == ()
    [reason] = [one for one in decision.reasons if one.code is ReasonCode.OPTIMUM_IGNORED]
    assert says in reason.detail


def test_when_it_is_over_the_shares_return_in_steps_that_all_say_so() -> None:
    state, _ = settle(snapshot())
    state = replace(state, aims=aims(feasible=False, why="nobody is fast enough"))
    codes = set()
    for _ in range(6):
        state, decision = step(state)
        codes |= {change.reason.code for change in decision.changes}
    assert shares(decision) == pytest.approx({DEAR: 0.6, CHEAP: 0.4, SPARE: 1.0})
    assert codes == {ReasonCode.OPTIMUM_OVER}
    assert decision.pursued == {}


def test_trouble_goes_before_price() -> None:
    ill = replace(GOOD, failure_ratio=0.9)
    state, _ = settle(snapshot())
    _, decision = step(replace(state, channels={**state.channels, CHEAP: ill}))
    assert shares(decision)[CHEAP] < 0.8
    assert next(c for c in decision.changes if c.channel == CHEAP).reason.code is ReasonCode.FAILING


def test_over_the_budget_even_so_is_said() -> None:
    decision = decide(snapshot(aims=aims(why="even the cheapest shares cost $5 an hour")), RAILS)
    assert "even the cheapest" in next(r for r in decision.reasons if r.channel is None).detail


def test_an_undo_protects_the_route() -> None:
    state, _ = settle(snapshot())
    decision = decide(replace(state, suppressed_until={CHEAP: 1e9}), RAILS)
    assert decision.pursued[CHAT].shares == {}
    assert {change.reason.code for change in decision.changes} == {ReasonCode.OPTIMUM_OVER}


def test_observing_it_only_says_what_it_would_do_and_stays_steady() -> None:
    state = snapshot(stages={Capability.OPTIMUM: Autopilot.OBSERVE})
    state, decision = step(state)
    assert decision.changes == ()
    [proposal] = decision.proposals
    assert proposal.capability is Capability.OPTIMUM
    assert not decision.pursued[CHAT].in_force
    other = replace(AIM, shares={DEAR: 0.19, CHEAP: 0.81})
    _, again = step(replace(state, aims=aims(other)))
    assert again.pursued[CHAT].shares == decision.pursued[CHAT].shares


def test_a_yes_lets_it_move_and_a_lower_stage_takes_it_back() -> None:
    suggests = {Capability.OPTIMUM: Autopilot.SUGGEST}
    yes = (Approval(Capability.OPTIMUM),)
    state, decision = step(snapshot(stages=suggests, approved=yes))
    assert decision.applied
    assert shares(decision)[CHEAP] > 0.4
    _, decision = step(replace(state, approved=()))
    assert shares(decision)[CHEAP] == pytest.approx(0.4)
    assert {change.reason.code for change in decision.changes} == {ReasonCode.AUTOPILOT_OFF}


@st.composite
def any_aim(draw: st.DrawFn) -> Aim:
    parts = [draw(st.floats(0.0, 1.0)) for _ in (DEAR, CHEAP)]
    total = sum(parts) or 1.0
    shares = dict(zip((DEAR, CHEAP), [part / total for part in parts], strict=True))
    ratio = st.floats(0.0, 1.0)
    return Aim(
        shares=shares if sum(parts) else {CHEAP: 1.0},
        usd_per_hour={DEAR: draw(st.floats(0.0, 100.0)), CHEAP: draw(st.floats(0.0, 100.0))},
        late_ratio={DEAR: draw(ratio), CHEAP: draw(ratio)},
        room=draw(st.sampled_from([{}, {CHEAP: 0.3}])),
        barred=draw(st.sampled_from([frozenset(), frozenset({DEAR})])),
    )


@given(found=st.lists(any_aim(), min_size=1, max_size=6), ill=st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_is_aimed_at_shares_add_up_and_steps_are_bounded(found: list[Aim], ill: bool) -> None:
    state = snapshot()
    if ill:
        state = replace(state, channels={**state.channels, CHEAP: replace(GOOD, failure_ratio=0.9)})
    for aim in found:
        before = {target.channel: target.weight for target in state.current.routes[CHAT].targets}
        state, decision = step(replace(state, aims=aims(aim, solved_at=state.at)))
        after = shares(decision)
        assert after[DEAR] + after[CHEAP] == pytest.approx(1.0)
        assert after[SPARE] == 1.0
        for pursuit in decision.pursued.values():
            assert not pursuit.shares or sum(pursuit.shares.values()) == pytest.approx(1.0)
        if not aim.barred:
            assert abs(after[CHEAP] - before[CHEAP]) <= RAILS.share_step_max + 1e-9
