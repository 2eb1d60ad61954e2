"""Days on record through other settings: what `foreroute replay` does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

from pydantic import ValidationError

from foreroute.app.data_plane import topology_of
from foreroute.app.stages import guardrails, stages_of
from foreroute.control.decision_log import TICK, TickRecord, read_tick
from foreroute.control.offpolicy import Estimate, EstimateRules, estimate
from foreroute.control.replay import Candidate, Course, Replay
from foreroute.control.replay_traffic import MEASURES, Gathered, Traffic
from foreroute.core.decision import DECIDED
from foreroute.core.ids import RouteName
from foreroute.core.plan import Route
from foreroute.core.ports import Store
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.staged import stage_of
from foreroute.settings.convert import configured_plan, objectives_of
from foreroute.settings.model import Settings

_HOUR_S = 3600.0
_A_LOT = 10**6
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteReport:
    """One route's requests, and what they would have met under the candidate's shares."""

    route: RouteName
    requests: int
    """Those that can be judged."""
    without_chance: int
    """Those whose channel was not drawn by chance, or without its probability on record: they are left out."""
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    start_at: float
    end_at: float
    ticks: int
    unreadable: int
    """Ticks of another version."""
    course: Course
    routes: tuple[RouteReport, ...]
    settings_differ: tuple[str, ...]
    """What the candidate says otherwise than what served at the end, as far as decisions know it."""


async def replay(
    store: Store, settings: Settings, *, start_at: float, end_at: float, say: Say
) -> ReplayReport:
    """Reads an hour at a time. `say` is told how far it is."""
    candidate = candidate_of(settings, at=start_at)
    played, ticks, unreadable, last = Replay(candidate), 0, 0, None
    for begin, end in _hours(start_at, end_at):
        for record in await store.records.read(TICK, since_at=begin, until_at=end, limit=_A_LOT):
            try:
                last = read_tick(record)
            except ValidationError:
                unreadable += 1
                continue
            played.take(last)
            ticks += 1
    say(f"{ticks} ticks decided again")
    course = played.course()
    traffic = Traffic(course=course, objectives=candidate.objectives)
    for begin, end in _hours(start_at, end_at):
        traffic.take(await store.ledger.entries(start_at=begin, end_at=end))
    gathered = traffic.samples()
    say(f"{sum(len(one.samples) for one in gathered.values())} requests weighed")
    return ReplayReport(
        start_at=start_at,
        end_at=end_at,
        ticks=ticks,
        unreadable=unreadable,
        course=course,
        routes=tuple(_route(name, found) for name, found in sorted(gathered.items())),
        settings_differ=() if last is None else tuple(differences(last, candidate)),
    )


def candidate_of(settings: Settings, *, at: float) -> Candidate:
    return Candidate(
        configured=configured_plan(settings, at=at, rank=topology_of(settings).rank).routes,
        objectives=objectives_of(settings),
        rails=guardrails(settings),
        autopilot=settings.autopilot,
        stages=stages_of(settings),
    )


def differences(tick: TickRecord, candidate: Candidate) -> Iterator[str]:
    """In words, between what a tick knew and the candidate."""
    for one in fields(Guardrails):
        before, after = getattr(tick.rails, one.name), getattr(candidate.rails, one.name)
        if before != after:
            yield f"guardrails: {one.name} {before:g} → {after:g}"
    for capability in DECIDED:
        was = stage_of(tick.snapshot, capability)
        will = candidate.stages.get(capability, candidate.autopilot)
        if was is not will:
            yield f"{capability}: {was} → {will}"
    for name in sorted({*tick.snapshot.configured, *candidate.configured}):
        before_shares = _shares(tick.snapshot.configured.get(name))
        after_shares = _shares(candidate.configured.get(name))
        if before_shares != after_shares:
            yield f"route {name}: {before_shares} → {after_shares}"
        known, wished = tick.snapshot.objectives.get(name), candidate.objectives.get(name)
        if known != wished:
            limits = ["none" if one is None else f"{one.metric} {one.limit_s:g} s" for one in (known, wished)]
            yield f"objective of {name}: {limits[0]} → {limits[1]}"


def _shares(route: Route | None) -> str:
    if route is None:
        return "not there"
    return ", ".join(f"{one.channel} {one.weight:.0%} (priority {one.priority})" for one in route.targets)


def _route(name: RouteName, found: Gathered) -> RouteReport:
    rules = EstimateRules()
    return RouteReport(
        route=name,
        requests=len(found.samples),
        without_chance=found.without_chance,
        estimates=tuple(estimate(found.samples, measure, rules) for measure in MEASURES),
    )


def _hours(start_at: float, end_at: float) -> Iterator[tuple[float, float]]:
    at = start_at
    while at < end_at:
        yield at, min(at + _HOUR_S, end_at)
        at += _HOUR_S
