"""The desk over hours of made-up traffic: every kind of experiment, restarts, refusals, and what operators do."""

from dataclasses import replace
from decimal import Decimal

import orjson
import pytest
from tests.experiment_house import CHAT, ExperimentHouse, Traffic, definition

from foreroute.control.controls import undo
from foreroute.control.experiments.refusal import Refused
from foreroute.core.decision import ReasonCode
from foreroute.core.errors import StoreUnavailable
from foreroute.core.ids import ChannelId, DecisionId
from foreroute.core.routes import Select
from foreroute.experiment.judge import split_p_value
from foreroute.experiment.measures import Measure
from foreroute.experiment.runs import RunState, Verdict

HOUR_S = 3600.0
FASTER = Traffic(factor={"b": 0.7})


async def opened(*definitions: dict[str, object], seed: int = 1) -> ExperimentHouse:
    house = ExperimentHouse(*definitions, seed=seed)
    await house.desk.start(house.at)
    return house


def effect_of(house: ExperimentHouse, run: str, measure: Measure):
    analysis = house.desk.analyses[run]
    return next(one for one in (*analysis.effects, *analysis.others) if one.measure is measure)


async def audit(house: ExperimentHouse) -> list[str]:
    return [orjson.loads(one.body)["action"] for one in await house.store.records.read("audit")]


async def test_a_difference_is_found_and_stays_found() -> None:
    house = await opened(definition())
    run = await house.operator.begin("faster")
    await house.serve(3 * HOUR_S, FASTER)
    found = house.book.run("faster")
    assert [(one.arm, one.verdict) for one in found.findings] == [("b", Verdict.BETTER)]
    effect = effect_of(house, run.id, Measure.LATENCY)
    assert effect.lower is not None
    assert effect.upper is not None
    assert effect.lower < -0.3 < effect.upper < 0.0
    assert effect.variance_removed > 0.1, "what was asked for explains a part"
    assert effect.p_value is not None
    assert effect.p_value < 0.05
    points = await house.desk.points(run.id)
    assert 50 < len(points) < 400
    assert [one["at"] for one in points] == sorted(one["at"] for one in points)


async def test_several_arms_share_alpha_and_each_gets_its_verdict() -> None:
    arms = [{"name": name, "weight": weight} for name, weight in (("x", 2), ("y", 1), ("z", 1))]
    house = await opened(definition(arms=arms))
    run = await house.operator.begin("faster")
    await house.serve(6 * HOUR_S, Traffic(factor={"y": 0.6, "z": 1.6}))
    found = {one.arm: one.verdict for one in house.book.run("faster").findings}
    assert found == {"y": Verdict.BETTER, "z": Verdict.WORSE}
    analysis = house.desk.analyses[run.id]
    assert [one.alpha for one in analysis.effects] == [0.025, 0.025]
    drawn = {arm.name: arm.requests for arm in analysis.arms}
    assert drawn["x"] == pytest.approx(2 * drawn["y"], rel=0.15)
    assert analysis.split_p_value is not None
    assert analysis.split_p_value > 0.01


async def test_an_assignment_that_is_not_what_it_should_be_is_seen() -> None:
    house = await opened(definition())
    run = await house.operator.begin("faster")
    await house.serve(2 * HOUR_S, Traffic())
    tally = await house.desk.tally(run)
    tally.arms["b"].drawn = round(tally.arms["b"].drawn * 0.75)
    found = split_p_value(tally)
    assert found is not None
    assert found < 0.001


async def test_arms_that_do_not_differ_are_found_to_be_as_good_as_equal() -> None:
    arms = [{"name": "one"}, {"name": "two"}]
    house = await opened(definition(arms=arms, effect=0.25))
    await house.operator.begin("faster")
    await house.serve(8 * HOUR_S, Traffic(every_s=10.0))
    assert [one.verdict for one in house.book.run("faster").findings] == [Verdict.EQUAL]


async def test_sums_outlive_a_restart_to_the_last_bit() -> None:
    house = await opened(definition(unit="user", warm_up="30m"))
    await house.operator.begin("faster")
    await house.serve(HOUR_S, replace(FASTER, users=300))
    tally = await house.desk.tally(house.book.run("faster"))
    before = tally.dump(), {unit: cells.dump() for unit, cells in tally.units.items()}
    house.open()
    await house.desk.start(house.at)
    again = await house.desk.tally(house.book.run("faster"))
    assert again is not tally
    assert (again.dump(), {unit: cells.dump() for unit, cells in again.units.items()}) == before
    assert len(again.units) > 50


async def test_a_store_that_is_away_costs_nothing_but_time() -> None:
    house = await opened(definition())
    await house.operator.begin("faster")
    await house.serve(600.0, FASTER)
    save = house.store.experiments.tallies.save

    async def away(_tally: object) -> None:
        raise StoreUnavailable("it is away")

    house.store.experiments.tallies.save = away  # type: ignore[assignment, method-assign]
    with pytest.raises(StoreUnavailable):
        await house.serve(30.0, FASTER)
    house.store.experiments.tallies.save = save  # type: ignore[method-assign]
    await house.serve(600.0, FASTER)
    tally = await house.desk.tally(house.book.run("faster"))
    stored = await house.store.experiments.marked.marked(0, 10_000)
    assert sum(arm.requests for arm in tally.arms.values()) == len(stored[1])


async def test_users_are_units_and_what_they_were_like_is_taken_away() -> None:
    house = await opened(definition(unit="user", warm_up="2h", use_work=False))
    run = await house.operator.begin("faster")
    await house.serve(6 * HOUR_S, Traffic(factor={"b": 0.8}, users=600, every_s=2.0))
    tally = await house.desk.tally(run)
    moments = [tally.arms[arm].moments[Measure.LATENCY] for arm in ("control", "b")]
    assert sum(one.units for one in moments) <= len(tally.units)
    assert sum(one.n for one in moments) > 5000
    effect = effect_of(house, run.id, Measure.LATENCY)
    assert effect.variance_removed > 0.3, "users have habits"
    assert effect.lower is not None
    assert effect.lower < -0.2


async def test_nobody_is_treated_while_it_warms_up() -> None:
    house = await opened(definition(unit="user", warm_up="2h"))
    await house.operator.begin("faster")
    await house.serve(HOUR_S, Traffic(users=100))
    tally = await house.desk.tally(house.book.run("faster"))
    assert all(arm.requests == 0 for arm in tally.arms.values())
    assert {one.channel for one in house.sent} == {"a"}


async def test_requests_that_do_not_say_who_they_are_for_take_no_part() -> None:
    house = await opened(definition(unit="user"))
    await house.operator.begin("faster")
    await house.serve(0.2 * HOUR_S, Traffic())
    assert all(one.arms == () for one in house.sent)


async def test_switchbacks_compare_slots() -> None:
    house = await opened(definition(kind="switchback", slot="10m", washout="1m", duration="3d"))
    run = await house.operator.begin("faster")
    await house.serve(20 * HOUR_S, Traffic(factor={"b": 1.3}, every_s=15.0))
    effect = effect_of(house, run.id, Measure.LATENCY)
    assert effect.lower is not None
    assert effect.upper is not None
    assert 0.0 < effect.lower < 0.3 < effect.upper
    assert [one.verdict for one in house.book.run("faster").findings] == [Verdict.WORSE]
    tally = await house.desk.tally(run)
    in_first_minute = [
        one
        for one in house.sent
        if (one.started_at - run.started_at) % 600.0 < 60.0 and one.started_at > run.started_at
    ]
    counted = sum(cells.sums(Measure.COST)[0] for cells in tally.slots.values())
    assert in_first_minute
    assert counted == pytest.approx(len(house.sent) - len(in_first_minute), abs=3)


async def test_shadows_are_compared_request_by_request() -> None:
    copied = definition(
        kind="shadow", arms=[{"name": "live"}, {"name": "copy", "channels": {"b": 1}}], budget_usd=100
    )
    house = await opened(copied)
    run = await house.operator.begin("faster")
    await house.serve(HOUR_S, Traffic(factor={"copy": 1.5}, failing={"copy": 0.2}))
    tally = await house.desk.tally(run)
    pairs = tally.pairs["copy"][Measure.LATENCY]
    assert pairs.units > 500
    effect = effect_of(house, run.id, Measure.LATENCY)
    assert effect.lower is not None
    assert effect.lower > 0.0
    failures = effect_of(house, run.id, Measure.FAILURES)
    assert failures.lower is not None
    assert failures.lower > 1.0, "more than twice as many"
    copies = [one for one in house.sent if one.number > 1]
    assert tally.copies_usd == sum((one.cost_usd or Decimal(0) for one in copies), Decimal(0))
    planned = house.steering.experiments[CHAT][0]
    assert planned.spent_usd == tally.copies_usd


async def test_a_broken_guardrail_ends_it_and_says_why() -> None:
    house = await opened(
        definition(guardrails=[{"measure": "failures"}, {"measure": "cost", "worse_max": 0.5}])
    )
    await house.operator.begin("faster")
    await house.serve(4 * HOUR_S, Traffic(failing={"b": 0.15}))
    run = house.book.run("faster")
    assert (run.state, run.reason) == (RunState.GUARDED, "guardrail failures: b is worse than control")
    assert house.steering.experiments == {}
    assert "experiment_guarded" in await audit(house)


async def test_it_ends_when_its_time_is_over() -> None:
    house = await opened(definition(duration="30m"))
    await house.operator.begin("faster")
    await house.serve(HOUR_S, Traffic())
    assert house.book.run("faster").state is RunState.ENDED
    assert (await house.operator.begin("faster")).id == "faster.2"


async def test_two_experiments_of_a_layer_share_it_and_a_third_finds_no_room() -> None:
    halves = [definition(id=name, share=0.5) for name in ("one", "two", "three")]
    house = await opened(*halves)
    first, second = await house.operator.begin("one"), await house.operator.begin("two")
    assert (first.slices, second.slices) == (((0, 5000),), ((5000, 10_000),))
    with pytest.raises(Refused, match=r"three wants 50% of the layer default, and one.1, two.1 left less"):
        await house.operator.begin("three")
    await house.operator.stop("one")
    assert (await house.operator.begin("three")).slices == ((0, 5000),)


async def test_an_experiment_of_another_layer_must_change_something_else() -> None:
    house = await opened(definition(share=0.5), definition(id="blue", layer="blue"))
    await house.operator.begin("faster")
    with pytest.raises(Refused, match=r"blue: faster.1 changes channels of chat too") as caught:
        await house.operator.begin("blue")
    assert caught.value.status == 409
    assert "layer: default" in caught.value.hint


async def test_a_promoted_arm_serves_everybody_until_it_is_taken_back() -> None:
    house = await opened(definition())
    await house.operator.begin("faster")
    await house.serve(3 * HOUR_S, FASTER)
    run = await house.operator.promote("faster")
    assert (run.state, run.promoted) == (RunState.PROMOTED, "b")
    assert house.steering.experiments == {}
    targets = [(t.channel, t.priority) for t in house.plan.routes[CHAT].targets if t.weight > 0]
    assert targets[0] == ("b", 0)
    (_, decision) = house.steering.applied[-1]
    assert {change.channel: change.after for change in decision.changes} == {"a": 0.0, "b": 1.0}
    assert decision.reasons[0].code is ReasonCode.MANUAL
    with pytest.raises(Refused, match="promoted already"):
        await house.operator.promote("faster")
    run = await house.operator.revert("faster")
    assert (run.state, run.promoted) == (RunState.STOPPED, None)
    assert [t.channel for t in house.plan.routes[CHAT].targets if t.weight > 0] == ["a"]
    assert house.steering.applied == []
    said = await audit(house)
    assert {"experiment_started", "experiment_promoted", "experiment_reverted"} <= set(said)


async def test_an_undo_is_noticed() -> None:
    house = await opened(definition())
    await house.operator.begin("faster")
    await house.operator.promote("faster", "b", force=True)
    undone = undo(house.steering, house.plan, (), at=house.at, hold_s=60.0, name=DecisionId("u"))
    assert undone is not None
    assert [t.channel for t in undone.plan.routes[CHAT].targets if t.weight > 0] == ["a"]
    await house.desk.update(house.at)
    assert house.book.run("faster").reason == "the promotion was undone"


async def test_what_is_promoted_is_in_force_after_a_restart_and_a_second_one_builds_on_it() -> None:
    tries = [{"name": "x"}, {"name": "y", "attempts_max": 1, "select": "price"}]
    house = await opened(definition(), definition(id="tries", arms=tries))
    await house.operator.begin("faster")
    await house.operator.promote("faster", "b", force=True)
    await house.operator.begin("tries")
    await house.operator.promote("tries", "y", force=True)
    route = house.plan.routes[CHAT]
    assert (route.attempts_max, route.select, route.targets[0].channel) == (1, Select.PRICE, ChannelId("b"))
    house.steering.overrides.clear()
    house.open()
    await house.desk.start(house.at)
    assert [one.name for one in house.steering.overrides.values()] == ["faster.1", "tries.1"]


async def test_what_cannot_be_done_is_refused_with_a_hint() -> None:
    house = await opened(definition())
    for work, words in (
        (house.operator.begin("fastr"), "no experiment 'fastr'"),
        (house.operator.stop("faster"), "has not run yet"),
        (house.operator.revert("faster"), "has not run yet"),
    ):
        with pytest.raises(Refused, match=words):
            await work
    await house.operator.begin("faster")
    for work, words in (
        (house.operator.begin("faster"), "runs already"),
        (house.operator.promote("faster"), "no arm was found to be better yet"),
        (house.operator.promote("faster", "b"), "was not found to be better"),
        (house.operator.promote("faster", "control"), "no arm 'control' to promote"),
        (house.operator.revert("faster"), "nothing of faster.1 is promoted"),
    ):
        with pytest.raises(Refused, match=words):
            await work


async def test_a_run_whose_channel_is_gone_ends_at_the_start() -> None:
    house = await opened(definition())
    await house.operator.begin("faster")
    house.open()
    object.__setattr__(house.book.house, "channels", frozenset({ChannelId("a")}))
    await house.desk.start(house.at)
    run = house.book.run("faster")
    assert run.state is RunState.STOPPED
    assert "the configuration has changed: there is no channel 'b'" in run.reason


async def test_scores_decide_once_each() -> None:
    house = await opened(definition(measure="quality", effect=0.1))
    await house.operator.begin("faster")
    await house.serve(HOUR_S, Traffic())
    await house.score_all(
        "faster.1", lambda one: (0.9 if one.channel == "b" else 0.6) + 0.1 * house.rng.random()
    )
    house.at += 20.0
    await house.desk.update(house.at)
    effect = effect_of(house, "faster.1", Measure.QUALITY)
    assert effect.lower is not None
    assert effect.lower > 0.2
    scored = next(one for one in house.sent if one.arms)
    with pytest.raises(Refused, match="has the score"):
        await house.scoring.score("faster", scored.request_id, -1.0)
    with pytest.raises(Refused, match="no attempt of request 'nobody'"):
        await house.scoring.score("faster", "nobody", 1.0)
    with pytest.raises(Refused, match="a score is a number"):
        await house.scoring.score("faster", scored.request_id, float("nan"))


async def test_the_size_is_estimated_from_what_requests_were_like() -> None:
    house = await opened(definition())
    first = await house.operator.size(house.book.definition("faster"))
    assert (first.sequential, first.units) == (None, 5000.0)
    await house.serve(4 * HOUR_S, Traffic())
    size = await house.operator.size(house.book.definition("faster"))
    assert size.sequential is not None
    assert size.fixed is not None
    assert size.days is not None
    assert 1.3 < size.sequential / size.fixed < 2.5, "looking all the time costs something"
    assert size.deviation == pytest.approx(0.5, rel=0.15)
    assert size.variance_removed > 0.05
    assert size.days == pytest.approx(2 * size.sequential / (86400 / 5.0), rel=0.2)
