"""Whatever the findings: shares sum to one, stay inside the guardrails, and the same snapshot decides the same."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from foreroute.control.decision_log import read_tick, replay, tick_record
from foreroute.core.decision import Autopilot, Decision
from foreroute.core.findings import Remedy
from foreroute.core.ids import ChannelId, DecisionId, IncidentId, RouteName
from foreroute.core.plan import Objective, Route, RoutingPlan, Target
from foreroute.core.series import Metric
from foreroute.decide.decide import decide
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import ChannelState, Outlook, Snapshot

CHAT = RouteName("chat")
RAILS = Guardrails()


@st.composite
def states(draw: st.DrawFn, channel: ChannelId) -> ChannelState:
    seconds = st.floats(0.01, 5.0)
    mean = draw(seconds)
    outlook = Outlook(
        horizon_s=900.0,
        mean_s=mean,
        lower_s=mean * draw(st.floats(0.2, 1.0)),
        upper_s=mean * draw(st.floats(1.0, 5.0)),
        coverage=draw(st.sampled_from([0.5, 0.8, 0.95])),
        model="ensemble",
        has_vote=draw(st.booleans()),
    )
    remedy = Remedy(
        channel=channel,
        incident=IncidentId("i"),
        playbook="p",
        weight_max_ratio=draw(st.sampled_from([0.0, 0.3, 1.0])),
        until=draw(st.sampled_from([0.0, 1e9])),
    )
    return ChannelState(
        now_s=draw(st.none() | seconds),
        failure_ratio=draw(st.none() | st.floats(0.0, 1.0)),
        judged=draw(st.integers(0, 100)),
        outlook=draw(st.sampled_from([None, outlook])),
        remedies=draw(st.sampled_from([(), (), (remedy,)])),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    names = [ChannelId(f"c{n}") for n in range(draw(st.integers(1, 6)))]
    weights = [draw(st.floats(0.05, 1.0)) for _ in names]
    configured = _route(names, weights)
    current = _route(names, [draw(st.floats(0.05, 1.0)) for _ in names])
    return Snapshot(
        at=3600.0,
        decision_id=DecisionId("d"),
        autopilot=draw(st.sampled_from(list(Autopilot))),
        kill_switch=draw(st.sampled_from([False, False, True])),
        configured={CHAT: configured},
        current=RoutingPlan(version=7, made_at=0.0, valid_until=4000.0, routes={CHAT: current}),
        objectives={CHAT: Objective(metric=Metric.FIRST_CHUNK_P95, limit_s=0.6)},
        channels={name: draw(states(name)) for name in names},
    )


def _route(names: list[ChannelId], weights: list[float]) -> Route:
    total = sum(weights)
    return Route(
        name=CHAT,
        targets=tuple(Target(channel=n, weight=w / total) for n, w in zip(names, weights, strict=True)),
    )


def _shares(plan: RoutingPlan) -> dict[ChannelId, float]:
    return {target.channel: target.weight for target in plan.routes[CHAT].targets}


def _ejected(snapshot: Snapshot) -> bool:
    remedies = [r for state in snapshot.channels.values() for r in state.remedies]
    return any(r.until > snapshot.at and r.weight_max_ratio == 0.0 for r in remedies)


@given(snapshots())
def test_shares_sum_to_one_and_are_never_negative(snapshot: Snapshot) -> None:
    shares = _shares(decide(snapshot, RAILS).plan)
    assert math.isclose(sum(shares.values()), 1.0, abs_tol=1e-9)
    assert all(share >= 0.0 for share in shares.values())


@given(snapshots())
def test_no_share_moves_further_than_a_step_unless_a_playbook_ejects(snapshot: Snapshot) -> None:
    decision = decide(snapshot, RAILS)
    if _ejected(snapshot) or snapshot.kill_switch:
        return
    before, after = _shares(snapshot.current), _shares(decision.plan)
    assert all(abs(after[c] - before[c]) <= RAILS.share_step_max + 1e-9 for c in before)


@given(snapshots())
def test_every_change_has_a_reason_and_every_move_is_a_change(snapshot: Snapshot) -> None:
    decision = decide(snapshot, RAILS)
    assert all(change.reason.detail for change in decision.changes)
    if decision.applied:
        before, after = _shares(snapshot.current), _shares(decision.plan)
        moved = {channel for channel in after if abs(after[channel] - before[channel]) > 1e-9}
        assert moved == {change.channel for change in decision.changes}
        assert (decision.plan.version > snapshot.current.version) == (
            decision.plan.routes != snapshot.current.routes
        )


@given(snapshots())
def test_only_act_moves_anything_away_from_the_configured_weights(snapshot: Snapshot) -> None:
    """What had been moved before returns."""
    decision = decide(snapshot, RAILS)
    if snapshot.autopilot is Autopilot.ACT or snapshot.kill_switch:
        return
    configured = _shares(replace(snapshot.current, routes=dict(snapshot.configured)))
    before, after = _shares(snapshot.current), _shares(decision.plan)
    if before == configured:
        assert after == before
    far = max(abs(before[channel] - share) for channel, share in configured.items())
    assert max(abs(after[channel] - share) for channel, share in configured.items()) <= far + 1e-9


@given(snapshots(), st.integers(2, 30))
def test_repeating_it_settles_and_never_leaves_the_guardrails(snapshot: Snapshot, steps: int) -> None:
    """With findings that stay as they are, shares settle: no swinging between two plans."""
    decision: Decision | None = None
    shares = []
    for _ in range(steps + 30):
        decision = decide(snapshot, RAILS)
        shares.append(_shares(decision.plan))
        snapshot = replace(snapshot, at=snapshot.at + 60, current=decision.plan, causes=decision.causes)
    assert shares[-1] == shares[-2]


@given(snapshots())
def test_a_logged_tick_replays_to_the_same_decision(snapshot: Snapshot) -> None:
    decision = decide(snapshot, RAILS)
    assert replay(read_tick(tick_record(snapshot, RAILS, decision))) == decision
