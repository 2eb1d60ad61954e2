"""Trouble that is foreseen, on virtual time with the real loop: moved before it comes, and graded by what came of it.

Two stories of one channel that slows down little by little, after a day of peace. In one it goes on until it misses the
objective; in the other it turns back before that. Both are moved early; what people read afterwards has to tell them apart.
"""

import asyncio
import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import pytest

from foreroute.app.simulated import LiveSimulation, SimulationOptions
from foreroute.cli.incident_view import show_one
from foreroute.core.incident import ForecastOutcome, IncidentReport, Origin
from foreroute.dashboard.incident_rows import full_row, summary_row
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


def foreseen(told: Told) -> list[IncidentReport]:
    return [one for one in told.reports if one.origin is Origin.FORECAST]


def as_said(report: IncidentReport) -> str:
    """What `foreroute incidents show` prints of it."""
    said = io.StringIO()
    with redirect_stdout(said):
        show_one({"incident": full_row(report)})
    return said.getvalue()


@pytest.mark.slow
def test_what_was_going_to_fail_is_moved_before_it_does_and_counts_as_prevented() -> None:
    told = played(4800.0, rise="35m", **{"for": "20m"}, fall="10m", factor=3)
    (report,) = foreseen(told)
    crossed_at = report.phases.first_bad_at
    assert report.foreseen_at is not None
    assert crossed_at is not None, "the channel did get into trouble"
    assert told.began_at < report.foreseen_at < crossed_at - 300.0, "minutes before"
    assert report.outcome is ForecastOutcome.PREVENTED
    assert report.felt.lost + report.felt.late <= 0.01 * report.felt.requests
    assert summary_row(told.reports, crossed_at, 1e9)["foreseen"]["prevented"] == 1
    said = as_said(report)
    assert "prevented" in said
    assert "foreseen" in said


@pytest.mark.slow
def test_what_turns_back_by_itself_is_a_false_alarm() -> None:
    """The same channel at half the slope: a move, and then nothing that it would have spared anybody."""
    told = played(4800.0, rise="18m", **{"for": "1m"}, fall="3m", factor=1.6)
    (report,) = told.reports
    assert report.origin is Origin.FORECAST
    assert report.outcome is ForecastOutcome.FALSE_ALARM
    assert report.phases.first_bad_at is None
    assert not report.members
    assert report.acts, "shares were moved, and the page says which"
    assert "the trouble did not come" in report.outcome_detail
    assert "false alarm" in as_said(report)
