"""The cost optimum in a simulated world: it steers, keeps its promises, and says truly what it saves."""

import asyncio
from collections import Counter
from random import Random

import pytest

from foreroute.app.simulated_plane import settings_of
from foreroute.app.simulated_router import SimulatedForeroute
from foreroute.control.moves import MOVE, Grade, read_move
from foreroute.core.decision import Autopilot, Capability, ReasonCode
from foreroute.core.ids import ChannelId
from foreroute.cost.calendar import Window
from foreroute.dashboard.cost_savings import SavingsSources, savings_of
from foreroute.settings.optimum import OptimumSettings, SavingsSettings
from foreroute.simulate.run import run
from foreroute.simulate.scenario import Scenario, build_traffic, build_world
from foreroute.simulate.scenario_schema import ScenarioSpec
from foreroute.simulate.world_schema import WorldSpec

SPEC = ScenarioSpec.model_validate(
    {
        "scenario": "prices",
        "description": "Two channels as good as each other, one a tenth of the other's price",
        "warm_up": "15m",
        "length": "30m",
        "world": {
            "objective": {"metric": "first_chunk_p95", "limit": "1500ms"},
            "traffic": {"requests_per_minute": 60, "swing": 0.0, "bursts": {"per_day": 0}, "weekend": 0.0},
            "channels": [
                {
                    "id": name,
                    "provider": name,
                    "region": "us",
                    "model": "m",
                    "first_chunk": "400ms",
                    "per_token": "5ms",
                    "price": {"input_usd_per_mtok": price, "output_usd_per_mtok": price},
                    "weight": 0.5,
                }
                for name, price in (("dear", 10), ("cheap", 1))
            ],
        },
    }
)


def steered(stage: Autopilot) -> tuple[SimulatedForeroute, Counter[ChannelId], Scenario]:
    """The router after the story, and who was asked in its last ten minutes."""
    world = SPEC.world
    assert isinstance(world, WorldSpec)
    scenario = Scenario(spec=SPEC, world=world)
    made = settings_of(world)
    cost = made.cost.model_copy(
        update={
            "optimum": OptimumSettings(enabled=True),
            "savings": SavingsSettings(control_share=0.2),
        }
    )
    rollout = made.rollout.model_copy(update={"optimum": stage})
    router = SimulatedForeroute(
        made.model_copy(update={"cost": cost, "rollout": rollout}),
        start_at=scenario.start_at,
        live_at=scenario.story_at,
    )
    attempts = run(
        build_world(scenario, 1),
        build_traffic(scenario, 1).requests(scenario.start_at, scenario.end_at),
        router,
        chance=Random(1),
        start_at=scenario.start_at,
    )
    late = Counter(one.channel for one in attempts if one.started_at >= scenario.end_at - 600.0)
    return router, late, scenario


def test_it_moves_shares_to_the_cheap_channel_and_states_what_that_saves() -> None:
    router, late, scenario = steered(Autopilot.ACT)
    # A fifth is held out by halves; the others keep the floor at the dear one.
    assert late[ChannelId("dear")] / late.total() == pytest.approx(0.2 * 0.5 + 0.8 * 0.03, abs=0.04)
    board = router.loop.board
    assert board is not None
    assert board.stage_errors == {}
    sources = SavingsSources(costs=router.store.costs, experiments=router.store.experiments)
    month = Window("all", scenario.start_at, scenario.end_at)
    found = asyncio.run(savings_of(sources, month, scenario.end_at))
    assert found.change is not None
    assert found.change.upper < -0.5
    assert found.is_sure
    assert found.gross is not None
    assert found.gross.upper <= found.outlay.spent_usd


def test_observing_moves_nothing_and_holds_nobody_out() -> None:
    router, late, _ = steered(Autopilot.OBSERVE)
    assert late[ChannelId("dear")] / late.total() == pytest.approx(0.5, abs=0.06)
    moves = [read_move(one) for one in asyncio.run(router.store.records.read(MOVE))]
    assert {(one.capability, one.code, one.executed) for one in moves} == {
        (Capability.OPTIMUM, ReasonCode.OPTIMUM, False)
    }
    graded = [one.verdict.grade for one in moves if one.verdict is not None]
    assert Grade.HURT not in graded
    assert asyncio.run(router.store.experiments.runs.read("savings")) == {}
