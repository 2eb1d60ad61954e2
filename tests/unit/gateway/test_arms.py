"""Experiments at the gateway: who is in one, what changes for them, and that it is nothing for all others."""

import subprocess
import sys
from dataclasses import replace

import pytest

from foreroute.core.experiment import (
    PLACES,
    ExperimentKind,
    PlannedArm,
    PlannedExperiment,
    RunId,
    TimeoutChange,
    Treatment,
    Unit,
)
from foreroute.core.ids import ChannelId, KeyId, RouteName
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.gateway.arms import Arms, unit_reader
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.wire.members import LARGE_BYTES
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.request import ModelRequest, read_request, read_small_request

A, B = ChannelId("a"), ChannelId("b")
CHAT = RouteName("chat")
ROUTE = Route(name=CHAT, targets=(Target(channel=A, weight=1.0), Target(channel=B, weight=0.0)))
ARM = PlannedArm(
    name="b",
    share=1.0,
    treatment=Treatment(
        targets=(Target(channel=B, weight=1.0),), timeouts=TimeoutChange(first_chunk_s=2.0), attempts_max=1
    ),
)
EXPERIMENT = PlannedExperiment(
    run=RunId("faster.1"),
    kind=ExperimentKind.AB,
    layer="default",
    slices=((0, PLACES),),
    arms=(ARM,),
    unit=Unit.USER,
)
PLAN = RoutingPlan(version=0, made_at=0.0, valid_until=100.0, routes={CHAT: ROUTE})
CALL = Call(Endpoint.CHAT, "/chat/completions")


def request(body: bytes = b'{"model":"chat"}') -> ModelRequest:
    found = read_small_request(CALL, body, depth_max=8)
    assert isinstance(found, ModelRequest)
    return found


def enrolled(plan: RoutingPlan, *, at: float = 50.0, user: str | None = "ann"):
    cell = PlanCell(PLAN)
    cell.publish(plan)
    served = cell.route(CHAT, at)
    assert served is not None
    asked = request()
    return served, Arms(cell).enrol(asked.model, (served,), {Unit.USER: user}.get, at)


def test_without_experiments_nothing_is_made() -> None:
    _, found = enrolled(replace(PLAN, version=1))
    assert found is None


def test_an_arm_changes_the_route_that_serves() -> None:
    served, found = enrolled(replace(PLAN, version=1, experiments={CHAT: (EXPERIMENT,)}))
    assert found is not None
    (changed,) = found.routes
    assert changed.version == served.version
    assert [(t.channel, t.priority) for t in changed.route.targets] == [("b", 0), ("a", 1)]
    assert changed.route.targets[0].policy.timeouts.first_chunk_s == 2.0
    assert changed.route.attempts_max == 1
    assert [(mark.run, mark.arm) for mark in found.marks] == [("faster.1", "b")]
    assert "ann" not in found.marks[0].unit


def test_the_changed_route_is_made_once() -> None:
    cell = PlanCell(PLAN)
    cell.publish(replace(PLAN, version=1, experiments={CHAT: (EXPERIMENT,)}))
    arms, served = Arms(cell), cell.route(CHAT, 50.0)
    assert served is not None
    one, other = (arms.enrol(request().model, (served,), {Unit.USER: n}.get, 50.0) for n in ("ann", "bob"))
    assert one is not None
    assert other is not None
    assert one.routes[0].route is other.routes[0].route


@pytest.mark.parametrize("at", [100.5, 1e9])
def test_an_expired_plan_has_no_experiments(at: float) -> None:
    _, found = enrolled(replace(PLAN, version=1, experiments={CHAT: (EXPERIMENT,)}), at=at)
    assert found is None


def test_whoever_does_not_say_who_it_is_is_served_as_ever() -> None:
    _, found = enrolled(replace(PLAN, version=1, experiments={CHAT: (EXPERIMENT,)}), user=None)
    assert found is None


def test_other_routes_are_left_alone() -> None:
    _, found = enrolled(replace(PLAN, version=1, experiments={RouteName("else"): (EXPERIMENT,)}))
    assert found is None


def test_a_copy_is_asked_for_and_changes_nothing() -> None:
    shadow = replace(
        EXPERIMENT,
        kind=ExperimentKind.SHADOW,
        arms=(PlannedArm(name="live", share=0.5), replace(ARM, share=0.5)),
    )
    served, found = enrolled(replace(PLAN, version=1, experiments={CHAT: (shadow,)}))
    assert found is not None
    assert found.routes == (served,)
    assert [one.experiment.run for one in found.copies] == ["faster.1"]
    assert found.marks[0].arm == "live"


@pytest.mark.parametrize(
    ("body", "headers", "user"),
    [
        (b'{"model":"chat","user":"ann"}', {}, "ann"),
        (b'{"model":"chat","safety_identifier":"bob"}', {}, "bob"),
        (b'{"model":"chat","metadata":{"user_id":"cleo"}}', {}, "cleo"),
        (b'{"model":"chat","user":"ann"}', {b"x-foreroute-user": b"dan"}, "dan"),
        (b'{"model":"chat","user":7,"metadata":[]}', {}, None),
        (b'{"model":"chat"}', {}, None),
    ],
)
def test_whom_a_request_is_for(body: bytes, headers: dict[bytes, bytes], user: str | None) -> None:
    unit_of = unit_reader(request(body), headers, KeyId("k"), "q1")
    assert unit_of(Unit.USER) == user
    assert unit_of(Unit.KEY) == "k"
    assert unit_of(Unit.REQUEST) == "q1"
    assert unit_of(Unit.SESSION) is None
    assert unit_reader(request(body), {b"x-foreroute-session": b" s "}, None, "q")(Unit.SESSION) == "s"


async def test_a_large_body_says_it_too_unless_it_says_too_much() -> None:
    filler = b'"messages":["' + b"x" * LARGE_BYTES + b'"]'
    for member, user in ((b'"user":"ann"', "ann"), (b'"metadata":{"a":"' + b"y" * 70_000 + b'"}', None)):
        body = b'{"model":"chat",' + filler + b"," + member + b"}"
        found = await read_request(CALL, body, depth_max=8)
        assert isinstance(found, ModelRequest)
        assert found.user == user


def test_the_gateway_takes_no_numpy_along() -> None:
    code = "import sys, foreroute.gateway.arms, foreroute.gateway.shadow; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
