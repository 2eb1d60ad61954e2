"""Whole scenarios with the real control loop: equal seeds, equal runs; and what is sudden cannot be foreseen."""

import asyncio
import json
from random import Random
from typing import Any

import pytest

from foreroute.app.simulated import LiveSimulation, SimulationOptions
from foreroute.app.simulated_plane import build_plane, settings_of
from foreroute.core.attempt import Attempt
from foreroute.gateway.plan_cell import PlanCell
from foreroute.simulate.gateway_router import GatewayRouter
from foreroute.simulate.run import run
from foreroute.simulate.scenario import Scenario, build_traffic, build_world, load_scenario
from foreroute.simulate.scenario_schema import ScenarioSpec, StopSpec
from foreroute.simulate.story import befallen
from foreroute.simulate.world import World

SHORT = {"warm_up": 1800.0, "length": 2400.0}
WHERE = "channel: azure-us-east-a"
SUDDEN: dict[str, dict[str, Any]] = {
    "stop": {"for": "10m"},
    "flap": {"for": "10m"},
    "slow": {"rise": "0s", "for": "5m"},
    "drift": {"rise": "1h"},
    "errors": {"for": "10m"},
    "throttle": {"for": "10m"},
    "quota": {"for": "10m"},
    "cold_start": {},
    "cut": {"for": "10m", "ratio": 0.8},
    "hollow": {"for": "10m"},
}


def short(name: str, **more: Any) -> Scenario:
    found = load_scenario(name)
    spec = found.spec.model_copy(update=SHORT | more)
    return Scenario(spec=spec, world=found.world, folder=found.folder)


def played(scenario: Scenario, seed: int = 1, **options: Any) -> dict[str, Any]:
    async def play() -> dict[str, Any]:
        simulation = LiveSimulation(scenario, SimulationOptions(seed=seed, **options))
        await simulation.start()
        await simulation.advance(scenario.end_at)
        return await simulation.result()

    return asyncio.run(play())


def attempts_of(scenario: Scenario, seed: int) -> list[Attempt]:
    """By the configured weights, without a control loop."""
    plane = build_plane(settings_of(scenario.world), scenario.start_at)
    channels = {channel.id: channel for channel in plane.channels}
    requests = build_traffic(scenario, seed).requests(scenario.start_at, scenario.end_at)
    router = GatewayRouter(PlanCell(plane.configured), channels)
    world = build_world(scenario, seed)
    return list(run(world, requests, router, chance=Random(seed), start_at=scenario.start_at))


def with_fault(fault: dict[str, Any]) -> Scenario:
    calm = short("calm-day", world="five", timeline=())
    spec = ScenarioSpec.model_validate(
        {"scenario": "x", "timeline": [{"at": "20m", "channel": "azure-us-east-a", **fault}]}
    )
    five = load_scenario("sudden-stop").world
    return Scenario(spec=calm.spec.model_copy(update={"timeline": spec.timeline}), world=five)


@pytest.mark.slow
def test_equal_seeds_give_equal_results_to_the_byte() -> None:
    first, again, other = (played(short("sudden-stop", length=3600.0), seed) for seed in (1, 1, 2))
    assert first["decisions"]
    assert first["stage_errors"] == {}
    assert json.dumps(first) == json.dumps(again)
    assert json.dumps(first) != json.dumps(other)


def test_the_control_loop_moves_traffic_away_from_what_has_stopped() -> None:
    found = played(short("sudden-stop", length=3600.0))
    onset_at = found["start_at"] + 2400.0
    moved = [row for row in found["decisions"] if row["channel"] == "azure-us-east-a"]
    assert all(row["at"] > onset_at for row in moved)
    assert min(row["after"] for row in moved) < 0.1 < max(row["before"] for row in moved)
    assert found["users"]["slo_violation_ratio"] < 0.02


@pytest.fixture(scope="module")
def calm_attempts() -> list[Attempt]:
    """The same hour and seed with nothing in it."""
    faulty = with_fault({"fault": "stop", "for": "10m"})
    return attempts_of(Scenario(spec=faulty.spec.model_copy(update={"timeline": ()}), world=faulty.world), 5)


@pytest.mark.parametrize("kind", sorted(SUDDEN))
def test_before_its_onset_a_sudden_fault_has_changed_nothing(kind: str, calm_attempts: list[Attempt]) -> None:
    faulty = with_fault({"fault": kind, **SUDDEN[kind]})
    onset_at = faulty.story_at + 1200.0
    with_it, without = attempts_of(faulty, 5), calm_attempts
    before = [[one for one in found if one.ended_at < onset_at] for found in (with_it, without)]
    assert before[0] == before[1]
    assert len(before[0]) > 300
    # The test can fail: after its onset, the fault shows.
    assert with_it != without


def test_a_precursor_shows_before_the_fault_and_not_before_its_lead(calm_attempts: list[Attempt]) -> None:
    fault = {"fault": "stop", "for": "10m", "precursor": {"lead": "10m", "factor": 3, "errors": 0.3}}
    faulty = with_fault(fault)
    with_it, without = attempts_of(faulty, 5), calm_attempts

    def until(found: list[Attempt], at: float) -> list[Attempt]:
        return [one for one in found if one.ended_at < at]

    lead_at, onset_at = faulty.story_at + 600.0, faulty.story_at + 1200.0
    assert until(with_it, lead_at) == until(without, lead_at)
    assert until(with_it, onset_at) != until(without, onset_at)


def test_a_surge_is_sudden_too() -> None:
    calm = with_fault({"fault": "stop", "for": "10m"})
    surge = ScenarioSpec.model_validate(
        {"scenario": "x", "timeline": [{"at": "20m", "fault": "surge", "for": "10m", "factor": 5}]}
    )
    scenarios = [
        Scenario(spec=calm.spec.model_copy(update={"timeline": events}), world=calm.world)
        for events in (surge.timeline, ())
    ]
    onset_at = calm.story_at + 1200.0
    surging, usual = (attempts_of(one, 5) for one in scenarios)
    assert [one for one in surging if one.ended_at < onset_at] == [
        one for one in usual if one.ended_at < onset_at
    ]
    assert len(surging) > 1.5 * len(usual)


def test_a_fault_may_be_put_in_on_the_way() -> None:
    async def live() -> tuple[int, int, float]:
        scenario = short("calm-day", world="five", timeline=())
        scenario = Scenario(spec=scenario.spec, world=load_scenario("sudden-stop").world)
        simulation = LiveSimulation(scenario)
        await simulation.start()
        await simulation.advance(scenario.story_at + 610.0)
        calm = simulation.outcomes.summary(since_at=scenario.story_at)
        event = StopSpec.model_validate(
            {"fault": "stop", "at": "0s", "for": "20m", "channel": "gcp-us-east-flash"}
        )
        simulation.inject(event)
        await simulation.advance(scenario.story_at + 1500.0)
        board = simulation.board
        assert board is not None
        share = {t.channel: t.weight for t in next(iter(board.plan.routes.values())).targets}
        later = simulation.outcomes.summary(since_at=scenario.story_at + 610.0)
        assert simulation.seen().arrived > calm.requests
        return calm.retried, later.retried, share[befallen(event, board.channels)[0]]

    before, after, share = asyncio.run(live())
    assert before == 0
    assert after > 0
    assert share < 0.35


def test_a_dearer_channel_costs_more_from_then_on_and_the_loop_hears_of_it() -> None:
    found = short("price-change", length=1200.0)
    event = found.spec.timeline[0].model_copy(update={"at": 600.0})
    scenario = Scenario(spec=found.spec.model_copy(update={"timeline": (event,)}), world=found.world)
    world: World = build_world(scenario, 1)
    attempts = attempts_of(scenario, 1)
    onset_at = scenario.story_at + 600.0
    mine = [one for one in attempts if one.channel == "gcp-us-east-flash" and one.usage.output_tokens > 50]
    per_token = [
        float(one.cost_usd or 0) / (0.3 * one.usage.input_tokens + 2.5 * one.usage.output_tokens) * 1e6
        for one in mine
    ]
    assert {round(v, 3) for v, one in zip(per_token, mine, strict=True) if one.started_at < onset_at} == {1.0}
    assert {round(v, 3) for v, one in zip(per_token, mine, strict=True) if one.started_at >= onset_at} == {
        3.0
    }
    channel = world.channels[mine[0].channel].channel
    book = [world.cost_usd(channel, mine[0].usage, at).cost_usd for at in (onset_at - 1, onset_at + 1)]
    assert book[1] == 3 * (book[0] or 0)
