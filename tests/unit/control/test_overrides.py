from dataclasses import replace

from foreroute.control.controls import Steering
from foreroute.control.overrides import impose, in_force, with_overrides, withdraw
from foreroute.core.decision import Autopilot
from foreroute.core.experiment import Override, Treatment
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Route, RoutingPlan, Target

CHAT = RouteName("chat")
A, B = ChannelId("a"), ChannelId("b")
ROUTE = Route(name=CHAT, targets=(Target(channel=A, weight=1.0), Target(channel=B, weight=0.0)))
PLAN = RoutingPlan(version=4, made_at=0.0, valid_until=900.0, routes={CHAT: ROUTE})
ALL_B = Override(
    name="faster.1", routes=(CHAT,), treatment=Treatment(targets=(Target(channel=B, weight=1.0),))
)


def leading(plan: RoutingPlan) -> list[str]:
    return [t.channel for t in plan.routes[CHAT].targets if t.priority == 0 and t.weight > 0]


def test_a_change_is_a_newer_plan_with_a_reason_and_can_be_withdrawn() -> None:
    steering = Steering(autopilot=Autopilot.OBSERVE)
    decision = impose(steering, PLAN, PLAN, ALL_B, at=10.0)
    assert decision.plan.version == 5
    assert leading(decision.plan) == ["b"]
    assert [(c.channel, c.before, c.after) for c in decision.changes] == [("a", 1.0, 0.0), ("b", 0.0, 1.0)]
    assert withdraw(steering, PLAN, decision.plan, "other.1", at=20.0) is None
    back = withdraw(steering, PLAN, decision.plan, "faster.1", at=20.0)
    assert back is not None
    assert leading(back.plan) == ["a"]
    assert steering.applied == []
    assert in_force(steering, PLAN) == PLAN.routes


def test_the_kill_switch_is_stronger() -> None:
    steering = Steering(autopilot=Autopilot.ACT)
    impose(steering, PLAN, PLAN, ALL_B, at=10.0)
    steering.kill_switch = True
    assert in_force(steering, PLAN) == PLAN.routes
    steering.kill_switch = False
    assert leading(with_overrides(steering, PLAN, PLAN)) == ["b"]


def test_routes_that_are_gone_are_left_alone() -> None:
    steering = Steering(autopilot=Autopilot.ACT)
    gone = replace(ALL_B, routes=(RouteName("gone"),))
    decision = impose(steering, PLAN, PLAN, gone, at=10.0)
    assert decision.plan.routes == PLAN.routes
    assert decision.changes == ()
