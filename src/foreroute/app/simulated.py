"""A scenario with the gateway's own choice and the real control loop, on virtual time, one step after the other."""

import math
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

import orjson

from foreroute.app.data_plane import gateway_settings
from foreroute.app.incidents import build_incidents
from foreroute.app.optimum import solved_at_once
from foreroute.app.simulated_plane import SteppedClock, build_plane, settings_of
from foreroute.app.simulated_stages import NoForecast, NoSpend, rollups_alone
from foreroute.app.stages import build_stages, guardrails, loop_settings
from foreroute.control.collect import Collection
from foreroute.control.controls import Steering
from foreroute.control.decision_log import DECISION, INCIDENT
from foreroute.control.incidents.desk import IncidentDesk
from foreroute.control.loop import ControlLoop
from foreroute.control.stages import Stages
from foreroute.control.state import Board
from foreroute.core.decision import Autopilot
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import Settings
from foreroute.settings.convert import objectives_of
from foreroute.simulate.gateway_router import GatewayRouter
from foreroute.simulate.outcomes import Outcomes
from foreroute.simulate.request import Done
from foreroute.simulate.run import Seen, Simulation
from foreroute.simulate.scenario import Scenario, build_traffic, build_world
from foreroute.simulate.scenario_schema import EventSpec, SurgeSpec
from foreroute.simulate.story import ends_s, faults_of, surge_of
from foreroute.store.memory import MemoryStore

_ALL: Final = 1_000_000
_COURSE_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOptions:
    """`settings`: whose configuration serves; without it, one is made of the world."""

    seed: int = 1
    autopilot: Autopilot = Autopilot.ACT
    forecasts: bool = True
    """False: the loop sees no forecast, so that only what has happened moves shares."""
    settings: Settings | None = None
    incidents: bool = False
    """True: incidents are told, as a server tells them."""


class LiveSimulation:
    """Made, started, then advanced as far as one likes. Everything that a page needs to show is in `board` and `seen`."""

    def __init__(self, scenario: Scenario, options: SimulationOptions | None = None) -> None:
        """Raises ConfigError for a scenario that does not fit its world."""
        options = SimulationOptions() if options is None else options
        self.scenario = scenario
        self.settings = settings_of(scenario.world) if options.settings is None else options.settings
        self.world = build_world(scenario, options.seed)
        self.traffic = build_traffic(scenario, options.seed)
        self._options = options
        self._clock = SteppedClock(scenario.start_at)
        self._plane = build_plane(self.settings, scenario.start_at)
        channels = {channel.id: channel for channel in self._plane.channels}
        self.router = GatewayRouter(self._plane.plans, channels, gateway_settings(self.settings))
        self._store = MemoryStore(merge_rollups)
        self.incidents: IncidentDesk | None = None
        """Where incidents are told, if that was asked for."""
        self._stages = self._build_stages()
        self._loop = ControlLoop(
            loop_settings(self.settings),
            guardrails(self.settings),
            self._stages,
            clock=self._clock,
            steering=Steering(autopilot=options.autopilot),
            configured=self._plane.configured,
            objectives=objectives_of(self.settings),
        )
        limits = [one.limit_s for one in objectives_of(self.settings).values()]
        self.outcomes = Outcomes(min(limits, default=None))
        self._shares: list[dict[str, float]] = []
        self._told = [_told(event, scenario.story_at) for event in scenario.spec.timeline]
        self._simulation = Simulation(
            self.world,
            self.traffic.requests(scenario.start_at, scenario.end_at),
            self.router,
            chance=Random(f"{options.seed}/router"),
            start_at=scenario.start_at,
            on_done=self._done,
        )

    @property
    def at(self) -> float:
        return self._simulation.at

    @property
    def is_over(self) -> bool:
        return self.at >= self.scenario.end_at

    @property
    def board(self) -> Board | None:
        """What the control loop shows after its newest tick."""
        return self._loop.board

    def seen(self) -> Seen:
        return self._simulation.seen()

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """What was scripted and what was put in on the way, with the instants at which each starts and ends."""
        return tuple(self._told)

    def channel_rows(self) -> list[dict[str, Any]]:
        """Each channel as it stands: its share of the plan, its health, its breaker and its load."""
        board, seen = self.board, self.seen()
        views = {} if board is None else board.views
        shares, standings = self._plan_shares(), self.router.standings(self.at)
        return [
            {
                "id": channel.id,
                "region": channel.region,
                "provider": channel.provider,
                "share": shares.get(channel.id, 0.0),
                "health": views[channel.id].health.value if channel.id in views else "unknown",
                "now_s": views[channel.id].now_s if channel.id in views else None,
                "failure_ratio": views[channel.id].failure_ratio if channel.id in views else None,
                "breaker": standings[channel.id].breaker.value,
                "in_flight": seen.in_flight.get(channel.id, 0),
            }
            for channel in self._plane.channels
        ]

    async def start(self) -> None:
        """Plays the calm hours before the story, by the configured weights, for the loop to learn from."""
        tick_s, story_at = self.settings.loop.tick, self.scenario.story_at
        collection = Collection(self._stages)
        at = self.scenario.start_at
        while at < story_at:
            at = min(at + tick_s, story_at)
            self._carry(at)
            collection.take(at)
        await collection.save()
        self._clock.at = story_at
        await self._loop.start()

    async def advance(self, until_at: float) -> None:
        """Requests and ticks until an instant, or the end of the story."""
        tick_s = self.settings.loop.tick
        until_at = min(until_at, self.scenario.end_at)
        while self.at < until_at:
            tick_at = (self.at // tick_s + 1) * tick_s
            self._carry(min(tick_at, until_at))
            if self.at >= tick_at:
                self._clock.at = tick_at
                await self._loop.tick(tick_at)
                self._note(tick_at)

    def inject(self, event: EventSpec) -> None:
        """From now on it is part of the story; `event.at` counts from now. Raises ConfigError if it befalls nobody."""
        if isinstance(event, SurgeSpec):
            self.traffic.add(surge_of(event, self.at))
        else:
            for fault in faults_of(event, self._plane.channels, self.at):
                self._simulation.inject(fault)
        self._told.append(_told(event, self.at))

    async def result(self) -> dict[str, Any]:
        """What the run came to, of the story alone. One JSON object; equal runs give equal ones."""
        since_at, until_at = self.scenario.story_at, self.at
        decisions = await self._store.records.read(DECISION, limit=_ALL)
        incidents = await self._store.records.read(INCIDENT, limit=_ALL)
        board, outcomes = self.board, self.outcomes
        return {
            "scenario": self.scenario.spec.scenario,
            "seed": self._options.seed,
            "start_at": since_at,
            "end_at": until_at,
            "objective_s": min((o.limit_s for o in objectives_of(self.settings).values()), default=None),
            "users": outcomes.summary(since_at=since_at).as_dict(),
            "places": {
                place or "anywhere": outcomes.summary(since_at=since_at, place=place).as_dict()
                for place in outcomes.places()
            },
            "decisions": [change for record in decisions for change in _changes(record.body, record.at)],
            "incidents": len({record.id for record in incidents}),
            "ticks": self._loop.ticks,
            "stage_errors": {} if board is None else dict(board.stage_errors),
            "timeline": self._told,
            "course": [
                {**row, "shares": shares}
                for row, shares in zip(
                    outcomes.course(start_at=since_at, end_at=until_at, step_s=_COURSE_S),
                    self._shares,
                    strict=False,
                )
            ],
        }

    def _carry(self, until_at: float) -> None:
        for attempt in self._simulation.advance(until_at):
            self._plane.intake.record(attempt)

    def _done(self, done: Done) -> None:
        self.outcomes.add(done)

    def _note(self, at: float) -> None:
        if (at - self.scenario.story_at) % _COURSE_S < self.settings.loop.tick:
            self._shares.append(self._plan_shares())

    def _plan_shares(self) -> dict[str, float]:
        """Of each channel, over all routes together."""
        shares: dict[str, float] = {}
        for route in self._plane.plans.current().routes.values():
            for target in route.targets:
                shares[target.channel] = shares.get(target.channel, 0.0) + target.weight
        total = sum(shares.values()) or 1.0
        return {name: round(share / total, 4) for name, share in shares.items()}

    def _build_stages(self) -> Stages:
        stages = build_stages(self.settings, self._plane, self._store, source="simulation", prices=self.world)
        solved_at_once(stages.optimum)
        if not self.settings.budgets and stages.optimum is None:
            # Nobody asks, and adding it up takes time in every tick.
            # An incident's story looks requests up in the ledger.
            append = stages.append if self._options.incidents else rollups_alone(self._store.rollups)
            stages = replace(stages, ledger=NoSpend(), append=append)
        if self._options.incidents:
            self.incidents = build_incidents(self.settings, self._store, stages, self._clock)
            stages = replace(stages, incidents=self.incidents)
        return stages if self._options.forecasts else replace(stages, forecast=NoForecast())


def _changes(body: bytes, at: float) -> list[dict[str, Any]]:
    decision = orjson.loads(body)
    return [{"at": at, "applied": decision["applied"], **change} for change in decision["changes"]]


def _told(event: EventSpec, since_at: float) -> dict[str, Any]:
    """An event as its file says it, and when it begins and ends; the end of what is for good is None."""
    said = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    starts_at, lasts_s = since_at + event.at, ends_s(event)
    return {
        **said,
        "starts_at": starts_at,
        "ends_at": None if math.isinf(lasts_s) else starts_at + lasts_s,
    }
