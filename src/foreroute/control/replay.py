"""Logged snapshots through other settings: what would have been decided. Pure.

The plan is the candidate's own from tick to tick, so its decisions build on each other; what was seen and forecast
is as it was logged, so the answer of the channels to other shares is not in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from foreroute.control.decision_log import TickRecord
from foreroute.core.decision import Autopilot, Capability, Cause, Decision, ShareChange
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Objective, Route, RoutingPlan
from foreroute.decide.decide import decide
from foreroute.decide.guardrails import Guardrails

_HOUR_S = 3600.0
_SAME = 1e-6
Shares = Mapping[ChannelId, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Settings as decisions know them."""

    configured: Mapping[RouteName, Route]
    objectives: Mapping[RouteName, Objective]
    rails: Guardrails
    autopilot: Autopilot
    stages: Mapping[Capability, Autopilot] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The plans that served after one tick: as logged, and the candidate's."""

    at: float
    logged: Mapping[RouteName, Route]
    candidate: Mapping[RouteName, Route]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A tick in which the two changed different things."""

    at: float
    logged: tuple[ShareChange, ...]
    candidate: tuple[ShareChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    steps: tuple[Step, ...]
    differing: tuple[Differing, ...]
    logged_decisions: int
    candidate_decisions: int


@dataclass(slots=True)
class Replay:
    """Takes ticks in order of time, one after the other: days of them need not be in memory at once."""

    candidate: Candidate
    _plan: RoutingPlan | None = None
    _causes: tuple[Cause, ...] = ()
    _acted_at: list[float] = field(default_factory=list)
    _steps: list[Step] = field(default_factory=list)
    _differing: list[Differing] = field(default_factory=list)
    _counts: list[int] = field(default_factory=lambda: [0, 0])

    def take(self, tick: TickRecord) -> Decision:
        decision = self._decide(tick)
        logged = tick.decision.changes if tick.decision.applied else ()
        mine = decision.changes if decision.applied else ()
        self._counts[0] += bool(logged)
        self._counts[1] += bool(mine)
        if not same_changes(logged, mine):
            self._differing.append(Differing(at=tick.snapshot.at, logged=logged, candidate=mine))
        step = Step(at=tick.snapshot.at, logged=tick.decision.plan.routes, candidate=decision.plan.routes)
        before = self._steps[-1] if self._steps else None
        if before is None or (before.logged, before.candidate) != (step.logged, step.candidate):
            self._steps.append(step)
        return decision

    def course(self) -> Course:
        return Course(
            steps=tuple(self._steps),
            differing=tuple(self._differing),
            logged_decisions=self._counts[0],
            candidate_decisions=self._counts[1],
        )

    def _decide(self, tick: TickRecord) -> Decision:
        snapshot, candidate = tick.snapshot, self.candidate
        plan = self._plan or replace(snapshot.current, routes=dict(candidate.configured))
        self._acted_at = [at for at in self._acted_at if at >= snapshot.at - _HOUR_S]
        decision = decide(
            replace(
                snapshot,
                configured=candidate.configured,
                objectives=candidate.objectives,
                current=plan,
                causes=self._causes,
                autopilot=candidate.autopilot,
                stages=candidate.stages,
                approved=(),
                actions_last_hour=len(self._acted_at),
            ),
            candidate.rails,
        )
        if decision.applied and decision.changes:
            self._acted_at.append(snapshot.at)
        self._plan, self._causes = decision.plan, decision.causes
        return decision


def same_changes(some: Sequence[ShareChange], others: Sequence[ShareChange]) -> bool:
    """Whether both move the same channels to the same shares, for whatever reason."""
    return _targets(some).keys() == _targets(others).keys() and all(
        abs(share - _targets(others)[key]) < _SAME for key, share in _targets(some).items()
    )


def _targets(changes: Iterable[ShareChange]) -> dict[tuple[RouteName, ChannelId], float]:
    return {(one.route, one.channel): one.after for one in changes}
