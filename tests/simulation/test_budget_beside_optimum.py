"""A day whose budget bites while the optimum steers: slower before the wall, and no promise of the operator's is sold."""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest

from foreroute.app.simulated_plane import settings_of
from foreroute.app.simulated_router import SimulatedForeroute
from foreroute.core.ids import ChannelId
from foreroute.core.windows import Window
from foreroute.settings import Settings
from foreroute.settings.finding import BudgetSettings
from foreroute.settings.optimum import OptimumSettings, SavingsSettings
from foreroute.simulate.policies.oracle import waited_s
from foreroute.simulate.request import Done
from foreroute.simulate.run import run
from foreroute.simulate.scenario import Scenario, build_traffic, build_world
from foreroute.simulate.scenario_schema import ScenarioSpec
from foreroute.simulate.world_schema import WorldSpec

CHANNELS = (
    ("dear", "300ms", 10, 0.45, 0.9),
    ("middle", "450ms", 6, 0.35, 0.9),
    ("cheap", "650ms", 2, 0.19, 0.8),
    ("low", "250ms", 1, 0.01, 0.3),
)
LIMIT_S, LATE_MAX, QUALITY_MIN = 1.2, 0.05, 0.7
LIMIT_USD = Decimal(60)
"""The optimum alone spends 69 of these: it is held by 110 % of the percentile of the configured weights, about 0.9 s."""
LOW, CHEAP = ChannelId("low"), ChannelId("cheap")
SPEC = ScenarioSpec.model_validate(
    {
        "scenario": "budget-day",
        "description": "A calendar day, four channels, one below the floor",
        "warm_up": "60m",
        "length": "24h",
        "world": {
            "objective": {"metric": "first_chunk_p95", "limit": "1200ms"},
            "traffic": {"requests_per_minute": 8, "swing": 0.3, "bursts": {"per_day": 0}, "weekend": 0.0},
            "channels": [
                {
                    "id": name,
                    "provider": name,
                    "region": "us",
                    "model": "m",
                    "first_chunk": first,
                    "spread": 1.6,
                    "per_token": "2ms",
                    "price": {"input_usd_per_mtok": usd, "output_usd_per_mtok": usd},
                    "weight": weight,
                }
                for name, first, usd, weight, _ in CHANNELS
            ],
        },
    }
)


@dataclass
class Day:
    done: list[Done] = field(default_factory=list)
    shares: list[dict[ChannelId, float]] = field(default_factory=list)
    """Tick by tick, of the story."""
    prices: list[float] = field(default_factory=list)
    """The budget's shadow price."""
    asked_low: int = 0
    """Attempts on the channel below the floor."""
    errors: set[str] = field(default_factory=set)


def steered() -> Settings:
    assert isinstance(SPEC.world, WorldSpec)
    made = settings_of(SPEC.world)
    quality = {name: one for name, *_, one in CHANNELS}
    optimum = {
        "optimum": OptimumSettings(enabled=True),
        "savings": SavingsSettings(control_share=0.0),
    }
    return made.model_copy(
        update={
            "cost": made.cost.model_copy(update=optimum),
            "budgets": (BudgetSettings(name="daily", window=Window.DAY, limit_usd=LIMIT_USD),),
            "channels": tuple(one.model_copy(update={"quality": quality[one.id]}) for one in made.channels),
            "routes": tuple(one.model_copy(update={"quality_min": QUALITY_MIN}) for one in made.routes),
        }
    )


class Watched(SimulatedForeroute):
    """Writes down what each tick of the loop leaves."""

    def __init__(self, day: Day, scenario: Scenario) -> None:
        super().__init__(steered(), start_at=scenario.start_at, live_at=scenario.story_at)
        self._day = day

    def tick(self, at: float) -> None:
        super().tick(at)
        if (board := self.loop.board) is None:
            return
        (route,) = board.plan.routes.values()
        self._day.shares.append({target.channel: target.weight for target in route.targets})
        self._day.errors |= board.stage_errors.keys()
        self._day.prices += [one.pace.price for one in board.findings.budgets if one.pace is not None]


@pytest.fixture(scope="module")
def day() -> Day:
    found = Day()
    assert isinstance(SPEC.world, WorldSpec)
    scenario = Scenario(spec=SPEC, world=SPEC.world)
    attempts = run(
        build_world(scenario, 1),
        build_traffic(scenario, 1).requests(scenario.start_at, scenario.end_at),
        Watched(found, scenario),
        chance=Random(1),
        start_at=scenario.start_at,
        on_done=found.done.append,
    )
    found.asked_low = sum(one.channel == LOW and one.started_at >= scenario.story_at for one in attempts)
    found.done = [one for one in found.done if one.request.at >= scenario.story_at]
    return found


@pytest.mark.slow
def test_the_budget_is_met_without_a_wall(day: Day) -> None:
    assert day.errors == set()
    spent = sum(one.cost_usd for one in day.done)
    assert LIMIT_USD * Decimal("0.93") <= spent <= LIMIT_USD
    assert max(day.prices) > 0.5, "it does bite"


@pytest.mark.slow
def test_objective_and_floor_hold_while_both_steer(day: Day) -> None:
    late = sum(waited_s(one) > LIMIT_S for one in day.done) / len(day.done)
    assert late <= LATE_MAX
    # Where no optimum stands, the configured weights give that channel a hundredth; a pace without bounds gives it more.
    assert day.asked_low <= 0.003 * len(day.done)


@pytest.mark.slow
def test_they_do_not_push_each_other_to_and_fro(day: Day) -> None:
    """The shadow price rises and falls in a few long waves, and most ticks move no share by more than a point."""
    turns = [later - before for before, later in pairwise(day.prices[::60]) if later != before]
    assert sum(one * other < 0 for one, other in pairwise(turns)) <= 8
    moves = [abs(later[CHEAP] - before[CHEAP]) for before, later in pairwise(day.shares)]
    assert sum(one > 0.01 for one in moves) <= len(moves) / 4
