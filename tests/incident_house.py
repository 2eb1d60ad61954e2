"""A region that is lost, played by the real control loop on virtual time, and the API of its incidents: for tests."""

from dataclasses import replace
from typing import Any

from foreroute.app.simulated import LiveSimulation, SimulationOptions
from foreroute.control.incidents.codec import kept
from foreroute.control.incidents.desk import IncidentDesk
from foreroute.control.playbooks.desk import PlaybookDesk
from foreroute.core.ids import ChannelId, IncidentId
from foreroute.core.incident import (
    Act,
    ActKind,
    Clocks,
    Felt,
    ForecastOutcome,
    IncidentReport,
    Member,
    Origin,
    PhaseTimes,
)
from foreroute.core.playbook_run import RunMode
from foreroute.dashboard.incidents import IncidentSources
from foreroute.simulate.scenario import Scenario, load_scenario
from foreroute.simulate.scenario_schema import ScenarioSpec

LOSS_S = 600.0
"""The region is lost so long after the story has begun."""
REGION = "us-east-1"


class IncidentHouse:
    """Advance it as far as you like; `desk` tells what happened."""

    def __init__(
        self, *, lasts: str = "15m", length_s: float = 3600.0, seed: int = 1, asks: bool = False
    ) -> None:
        """`asks`: each run of a playbook waits for a yes."""
        found = load_scenario("region-loss")
        told = {
            "scenario": "region-loss",
            "timeline": [{"at": "10m", "fault": "region_loss", "region": REGION, "for": lasts}],
        }
        timeline = ScenarioSpec.model_validate(told).timeline
        update: dict[str, Any] = {"warm_up": 1800.0, "length": length_s, "timeline": timeline}
        self.scenario = Scenario(
            spec=found.spec.model_copy(update=update), world=found.world, folder=found.folder
        )
        options = SimulationOptions(seed=seed, incidents=True, forecasts=False)
        self.simulation = LiveSimulation(self.scenario, options)
        if asks:
            book = self.playbooks.book
            self.playbooks.book = replace(
                book,
                playbooks={name: replace(one, mode=RunMode.APPROVE) for name, one in book.playbooks.items()},
            )

    @property
    def lost_at(self) -> float:
        return self.scenario.story_at + LOSS_S

    @property
    def desk(self) -> IncidentDesk:
        assert self.simulation.incidents is not None
        return self.simulation.incidents

    async def start(self, *past: IncidentReport) -> None:
        await self.store.incidents.put([kept(one) for one in past])
        await self.desk.start(self.scenario.start_at)
        await self.simulation.start()

    async def until(self, seconds: float) -> None:
        """So long after the loss."""
        await self.simulation.advance(self.lost_at + seconds)

    async def lost(self) -> IncidentReport:
        """The incident of the region."""
        found = await self.desk.newest(100)
        return next(one for one in found if (one.scope, one.name) == ("region", REGION))

    @property
    def store(self) -> Any:
        return self.simulation._store

    @property
    def playbooks(self) -> PlaybookDesk:
        desk = self.simulation._stages.playbooks
        assert isinstance(desk, PlaybookDesk)
        return desk

    def sources(self) -> IncidentSources:
        return IncidentSources(
            desk=self.desk,
            rollups=self.store.rollups,
            board=lambda: self.simulation.board,
            clock=self.simulation._clock,
            playbooks=self.playbooks,
        )


def foreseen(at: float, outcome: ForecastOutcome = ForecastOutcome.PREVENTED) -> IncidentReport:
    """One from before: moved early, came, and felt by next to nobody."""
    channel = ChannelId("openai-large")
    return IncidentReport(
        id=IncidentId(f"i20260301-{outcome.value[:8]}"),
        scope="channel",
        name=channel,
        kind="slow",
        origin=Origin.FORECAST,
        outcome=outcome,
        outcome_detail="the trouble came; moved requests were: 21.0% failed or late → 1.2%, 1620 ms → 640 ms",
        phases=PhaseTimes(
            first_bad_at=at + 700,
            detected_at=at + 720,
            decided_at=at + 720,
            verified_at=at + 2400,
            closed_at=at + 2400,
        ),
        foreseen_at=at,
        foreseen_on=(channel,),
        members=(
            Member(
                channel=channel,
                kind="slow",
                since_at=at + 700,
                seen_at=at + 2300,
                closed_at=at + 2400,
                evidence="1620 ms now, over the limit of 1500 ms",
            ),
        ),
        acts=(
            Act(
                id="d1",
                kind=ActKind.DECISION,
                at=at,
                what="openai-large on chat from 4% to 1%",
                why="1700 ms expected in 15 min (1500 ms to 1900 ms), limit 1500 ms, 93% sure to miss it",
            ),
        ),
        felt=Felt(requests=2200, late=9),
        clocks=Clocks(user_s=0.0, channel_s=None),
        share_before=0.04,
        share_least=0.01,
    )


def closed_slow(at: float) -> IncidentReport:
    """An ordinary one from before."""
    report = foreseen(at)
    return replace(
        report,
        id=IncidentId("i20260228-slowslow"),
        origin=Origin.OBSERVED,
        outcome=None,
        outcome_detail="",
        foreseen_at=None,
        foreseen_on=(),
        felt=Felt(requests=900, late=40),
        clocks=Clocks(first_lost_at=at + 700, user_s=180.0, channel_s=240.0),
    )
