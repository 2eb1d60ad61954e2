"""A stage is raised on proof, lowered at will, and kept over a restart."""

from collections.abc import Coroutine
from typing import Any

import orjson
import pytest
from tests.unit.control.test_loop import A, B, House, attempt

from foreroute.control.controls import Steering
from foreroute.control.moves import Grade, Move, Verdict, move_record
from foreroute.control.reckoning import RolloutSettings
from foreroute.control.rollout import RolloutRefusedError, Thresholds, view
from foreroute.core.decision import Autopilot, Capability, ReasonCode
from foreroute.core.errors import StoreCorrupt
from foreroute.core.ids import ChannelId, RouteName
from foreroute.monitor.fold import Folder, merge_rollups

OBSERVE, SUGGEST, ACT = Autopilot.OBSERVE, Autopilot.SUGGEST, Autopilot.ACT
ROUTING, BUDGET = Capability.ROUTING, Capability.BUDGET
DAY_S = 86_400.0
EASY = RolloutSettings(thresholds=Thresholds(graded_min=3, stage_s_min=0.0))


def move(
    number: int, grade: Grade | None, *, code: ReasonCode = ReasonCode.FORECAST, at: float = 0.0
) -> Move:
    found = Verdict(grade=grade, at=at + 1080.0, came=True, detail="") if grade else None
    return Move(
        id=f"m{number}",
        capability=ROUTING,
        route=RouteName("chat"),
        channel=ChannelId("a"),
        code=code,
        detail="",
        at=at,
        due_at=at + 1080.0,
        executed=False,
        stage=OBSERVE,
        before={A: 0.5},
        after={A: 0.35},
        verdict=found,
    )


def missing(*moves: Move, held_s: float = 2 * DAY_S, at: float = 40 * DAY_S) -> tuple[str, ...]:
    steering = Steering(autopilot=OBSERVE)
    return view(steering, ROUTING, moves, Thresholds(), at=at, started_at=at - held_s, exists=True).missing


def some(
    helped: int, hurt: int = 0, alarms: int = 0, nothing: int = 0, *, at: float = 39 * DAY_S
) -> list[Move]:
    grades = [Grade.HELPED] * helped + [Grade.HURT] * hurt
    grades += [Grade.FALSE_ALARM] * alarms + [Grade.NO_DIFFERENCE] * nothing
    return [move(number, grade, at=at) for number, grade in enumerate(grades)]


def test_enough_good_moves_open_the_next_stage() -> None:
    assert missing(*some(14, hurt=1, alarms=3, nothing=2)) == ()


def test_what_is_missing_is_said_with_its_numbers() -> None:
    assert missing() == ("0 of 20 moves are graded",)
    assert missing(*some(19)) == ("19 of 20 moves are graded",)
    assert missing(*some(20), held_s=3600.0) == ("1.0 of 24.0 hours at this stage have passed",)
    assert missing(*some(8, nothing=12)) == ("40% of them helped, at least 50% must",)
    assert missing(*some(12, alarms=8)) == ("40% were wrong (hurt or false alarm), at most 30% may",)
    assert missing(*some(17, hurt=3)) == ("15% hurt, at most 10% may",)


def test_old_moves_ways_back_and_ungraded_ones_are_no_evidence() -> None:
    good = some(19)
    for no_proof in (
        move(99, Grade.HELPED, at=5 * DAY_S),
        move(99, Grade.HELPED, code=ReasonCode.RECOVERED, at=39 * DAY_S),
        move(99, None, at=39 * DAY_S),
        move(99, Grade.UNKNOWN, at=39 * DAY_S),
    ):
        assert missing(*good, no_proof) == ("19 of 20 moves are graded",)


def test_what_nothing_here_does_cannot_be_raised() -> None:
    steering = Steering(autopilot=OBSERVE)
    found = view(steering, Capability.TUNING, (), Thresholds(), at=0.0, started_at=0.0, exists=False)
    assert found.missing == ("nothing here makes moves of tuning yet",)


def test_up_to_what_the_configuration_says_no_proof_is_asked_for() -> None:
    steering = Steering(autopilot=ACT)
    steering.move(ROUTING, OBSERVE, 0.0)
    assert view(steering, ROUTING, (), Thresholds(), at=1.0, started_at=0.0, exists=True).missing == ()


def test_stages_outlive_a_restart_but_not_another_configuration() -> None:
    before = Steering(autopilot=ACT, stages={BUDGET: SUGGEST})
    before.move(ROUTING, SUGGEST, 60.0)
    after = Steering(autopilot=ACT, stages={BUDGET: SUGGEST})
    after.load(before.dump())
    assert (after.stage(ROUTING), after.stage(BUDGET), after.since_at[ROUTING]) == (SUGGEST, SUGGEST, 60.0)
    other = Steering(autopilot=OBSERVE)
    other.load(before.dump())
    assert other.stage(ROUTING) is OBSERVE
    for bad in (b"{", b"[]", b'{"granted": {"x": "act"}, "stages": {}, "since_at": {}}'):
        with pytest.raises(StoreCorrupt, match="cannot be read"):
            after.load(bad)


def test_a_new_configuration_has_its_word_and_the_same_one_does_not() -> None:
    steering = Steering(autopilot=ACT)
    steering.move(ROUTING, OBSERVE, 0.0)
    steering.configure(ACT, {})
    assert steering.stage(ROUTING) is OBSERVE
    steering.configure(ACT, {BUDGET: OBSERVE})
    assert (steering.stage(ROUTING), steering.stage(BUDGET)) == (ACT, OBSERVE)


async def refused(work: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(RolloutRefusedError) as error:
        await work
    return f"{error.value} | {error.value.hint}"


async def audit(house: House) -> list[tuple[str, str]]:
    rows = [orjson.loads(one.body) for one in await house.store.records.read("audit")]
    return [(row["action"], row["detail"]) for row in rows]


async def slow_house(stage: Autopilot, *, real: bool = False) -> House:
    """The forecast says that A will miss its objective. `real`: minutes are folded as in a real house."""
    house = House(stage)
    house.oracle.mean = 0.9
    if real:
        house.fold, house.merge = Folder(window_s=60.0, source="test"), merge_rollups
        house.loop = house.make()
    await house.loop.start()
    house.inbox.waiting = [attempt(n) for n in range(20)]
    await house.loop.tick(60.0)
    return house


async def test_raising_without_proof_is_refused_unless_it_is_forced_with_a_reason() -> None:
    house = House(OBSERVE)
    await house.loop.start()
    operator = house.loop.operator
    said = await refused(operator.raise_stage(ROUTING))
    assert said.startswith("routing may not go to suggest yet: 0 of 20 moves are graded; 0.0 of 24.0 hours")
    assert "needs a reason" in await refused(operator.raise_stage(ROUTING, force=True))
    assert "needs a reason" in await refused(operator.set_autopilot(ACT, force=True, why="  "))
    assert "may not go to act yet" in await refused(operator.set_autopilot(ACT))
    assert await operator.raise_stage(ROUTING, force=True, why="load test") is SUGGEST
    assert "nothing here makes moves" in await refused(
        operator.raise_stage(Capability.TUNING, force=True, why="x")
    )
    house.clock.at = 1.0
    assert await operator.lower_stage(ROUTING, why="done") is OBSERVE
    assert "already" in await refused(operator.lower_stage(ROUTING))
    assert await audit(house) == [
        ("rollout", "routing: observe to suggest, forced: load test"),
        ("rollout", "routing: suggest to observe (done)"),
    ]


async def test_a_shadow_move_is_on_record_once_and_graded_when_its_time_has_passed() -> None:
    house = await slow_house(OBSERVE, real=True)
    for minute in range(2, 21):
        house.inbox.waiting = [
            attempt(100 * minute + n, name, ended_at=60.0 * minute - 30.0, first_s=first_s)
            for name, first_s in ((A, 0.9), (B, 0.3))
            for n in range(12)
        ]
        await house.loop.tick(60.0 * minute)
    (record,) = await house.store.records.read("move")
    body = orjson.loads(record.body)
    assert (body["executed"], body["stage"], body["capability"]) == (False, "observe", "routing")
    assert body["verdict"]["grade"] == "helped"
    assert len(await house.store.records.read("decision")) == 1
    assert house.loop.board is not None
    routing = house.loop.board.rollout[0]
    assert routing.tally.counts == {Grade.HELPED: 1}


async def test_evidence_of_earlier_runs_counts() -> None:
    house = House(OBSERVE)
    house.rollout = EASY
    house.loop = house.make()
    records = [move_record(move(n, Grade.HELPED)) for n in range(3)]
    await house.store.records.append(records)
    await house.loop.start()
    assert await house.loop.operator.raise_stage(ROUTING) is SUGGEST


async def test_a_suggestion_that_is_approved_is_done_at_once() -> None:
    house = await slow_house(SUGGEST)
    assert house.share(A) == 0.5
    assert house.loop.board is not None
    (one,) = house.loop.board.suggestions
    assert (one.channel, one.code, one.expires_at) == (A, ReasonCode.FORECAST, 1860.0)
    await house.loop.operator.approve(one.id)
    assert house.share(A) < 0.5
    assert house.loop.board.suggestions == ()
    await house.loop.tick(120.0)
    further = house.share(A)
    house.oracle.mean = 0.3
    for minute in range(3, 15):
        await house.loop.tick(60.0 * minute)
    assert further < house.share(A) == pytest.approx(0.5)
    assert [action for action, _ in await audit(house)] == ["approve"]
    assert "does not wait" in await refused(house.loop.operator.approve(one.id))


async def test_an_approval_is_undone_with_its_decision_and_waits_while_the_kill_switch_is_on() -> None:
    house = await slow_house(SUGGEST)
    assert house.loop.board is not None
    await house.loop.operator.approve(house.loop.board.suggestions[0].id)
    assert await house.loop.operator.undo()
    await house.loop.tick(120.0)
    assert house.share(A) == 0.5
    held = await slow_house(SUGGEST)
    assert held.loop.board is not None
    name = held.loop.board.suggestions[0].id
    await held.loop.operator.kill_switch(on=True)
    await held.loop.operator.approve(name)
    assert held.share(A) == 0.5


async def test_a_suggestion_that_is_dismissed_moves_nothing() -> None:
    house = await slow_house(SUGGEST)
    assert house.loop.board is not None
    await house.loop.operator.dismiss(house.loop.board.suggestions[0].id)
    await house.loop.tick(120.0)
    assert house.share(A) == 0.5
    assert house.loop.board.suggestions == ()


async def test_a_stage_that_was_lowered_stays_so_after_a_crash() -> None:
    house = await slow_house(ACT)
    await house.loop.operator.lower_stage(ROUTING)
    house.steering = Steering(autopilot=ACT)
    again = house.make()
    await again.start()
    assert again.board is not None
    assert {one.capability: one.stage for one in again.board.rollout}[ROUTING] is SUGGEST
