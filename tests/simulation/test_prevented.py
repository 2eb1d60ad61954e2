"""Trouble that is foreseen, on virtual time with the real loop: moved before it comes, and graded by what came of it.

Two stories of one channel that slows down little by little. In one it goes on until it misses the objective; in the
other it turns back just before. Both are moved early; what people read afterwards has to tell them apart.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from foreroute.app.simulated import LiveSimulation, SimulationOptions
from foreroute.core.incident import IncidentReport
from foreroute.simulate.scenario import Scenario, load_scenario
from foreroute.simulate.scenario_schema import ScenarioSpec

CHANNEL = "azure-us-east-a"
BEGINS_S = 2400.0
"""After the story's begin."""
WARM_S = 86_400.0


@dataclass(frozen=True)
class Told:
    simulation: LiveSimulation
    began_at: float
    reports: list[IncidentReport]


def scenario(length_s: float, **slow: Any) -> Scenario:
    found = load_scenario("slow-ramp")
    event = {"at": "40m", "fault": "slow", "channel": CHANNEL, **slow}
    timeline = ScenarioSpec.model_validate({"scenario": "slow-ramp", "timeline": [event]}).timeline
    changes = {"warm_up": WARM_S, "length": length_s, "timeline": timeline}
    return Scenario(spec=found.spec.model_copy(update=changes), world=found.world, folder=found.folder)


def played(length_s: float, **slow: Any) -> Told:
    story = scenario(length_s, **slow)

    async def play() -> Told:
        simulation = LiveSimulation(story, SimulationOptions(incidents=True))
        assert simulation.incidents is not None
        await simulation.incidents.start(story.start_at)
        await simulation.start()
        await simulation.advance(story.story_at + length_s)
        return Told(simulation, story.story_at + BEGINS_S, await simulation.incidents.newest(100))

    return asyncio.run(play())
