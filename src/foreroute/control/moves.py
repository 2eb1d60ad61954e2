"""Moves: what was decided about one route's shares, done or only proposed, from its first step until it is graded.

The steps of one trouble are one move. A proposal that is repeated tick after tick is one move as well: what it would
have been worth is asked once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import Final

from pydantic import TypeAdapter

from foreroute.core.decision import (
    Autopilot,
    Capability,
    Decision,
    ReasonCode,
    ShareChange,
    capability_of,
)
from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.plan import Objective
from foreroute.core.ports import Record
from foreroute.core.series import Metric

MOVE: Final = "move"
TROUBLES: Final = frozenset(
    {
        ReasonCode.FORECAST,
        ReasonCode.SLOW,
        ReasonCode.FAILING,
        ReasonCode.REMEDY,
        ReasonCode.BUDGET,
        ReasonCode.OPTIMUM,
        ReasonCode.BUDGET_PACE,
        ReasonCode.TUNED,
    }
)
"""What a move away from trouble is made for. The others are ways back, graded but no evidence for a stage."""
_DECISIONS_MAX: Final = 100


class Grade(StrEnum):
    """What became of a move. Closed and documented; clients may rely on it."""

    HELPED = "helped"
    """The requests that it moved were, or would have been, clearly better off."""
    NO_DIFFERENCE = "no_difference"
    HURT = "hurt"
    """They were, or would have been, clearly worse off."""
    FALSE_ALARM = "false_alarm"
    """The trouble that it was made for did not come, and it was no help otherwise."""
    UNKNOWN = "unknown"
    """Too little was measured to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What was measured on the channels that requests were moved from, or to, weighted by how much each gave or took."""

    judged: int
    """Attempts that say something about the channels, as many as would say so much had all weighed the same."""
    bad_ratio: float
    """Those that failed or took longer than the objective, 0…1."""
    mean_s: float | None = None
    """Of those that succeeded."""
    usd_per_request: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    grade: Grade
    at: float
    came: bool | None
    """Whether the trouble was measured in its time; None: nobody can tell, or there was none to come."""
    detail: str
    """One sentence for a person, with the numbers."""
    source: Side | None = None
    sink: Side | None = None
    requests: float = 0.0
    """How many requests it moved, or would have moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Shares of one route before and after, 0…1, by channel; only those that changed. `channel` is the one that caused
    it, None for a budget and for the cost optimum.
    """

    id: str
    capability: Capability
    route: RouteName
    channel: ChannelId | None
    code: ReasonCode
    detail: str
    at: float
    due_at: float
    """When it can be graded."""
    executed: bool
    """False: a shadow decision, recorded and not done."""
    stage: Autopilot
    before: Mapping[ChannelId, float]
    after: Mapping[ChannelId, float]
    decisions: tuple[DecisionId, ...] = ()
    metric: Metric | None = None
    limit_s: float | None = None
    verdict: Verdict | None = None

    @property
    def key(self) -> tuple[bool, Capability, RouteName, ChannelId | None, bool]:
        """The same for all steps of one move."""
        return self.executed, self.capability, self.route, self.channel, self.code in TROUBLES


@cache
def _moves() -> TypeAdapter[Move]:
    return TypeAdapter(Move)


def move_record(move: Move) -> Record:
    return Record(kind=MOVE, id=move.id, at=move.at, body=_moves().dump_json(move))


def read_move(record: Record) -> Move:
    """Raises pydantic's ValidationError on a body that is not a move of this version."""
    return _moves().validate_json(record.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What the moves of one tick have in common."""

    at: float
    decision: Decision
    stages: Mapping[Capability, Autopilot]
    objectives: Mapping[RouteName, Objective]
    grade_after_s: float


def moves_of(occasion: Occasion) -> list[Move]:
    """One for each route and capability that moved or proposed to."""
    decision = occasion.decision
    found = []
    if decision.applied:
        found += _by_route(occasion, decision.changes, executed=True)
    for proposal in decision.proposals:
        found += [
            one
            for one in _by_route(occasion, proposal.changes, executed=False)
            if one.capability is proposal.capability
        ]
    return found


def _by_route(occasion: Occasion, changes: Iterable[ShareChange], *, executed: bool) -> list[Move]:
    routes: dict[RouteName, list[ShareChange]] = {}
    for change in changes:
        routes.setdefault(change.route, []).append(change)
    found = (_move(occasion, name, mine, executed=executed) for name, mine in routes.items())
    return [move for move in found if move is not None]


def _move(
    occasion: Occasion, route: RouteName, changes: Sequence[ShareChange], *, executed: bool
) -> Move | None:
    """None for what an operator did: it is nobody's to be graded."""
    main = max(changes, key=lambda one: (one.channel == one.reason.channel, abs(one.after - one.before)))
    capability = capability_of(main.reason.code)
    if capability is None:
        return None
    objective = occasion.objectives.get(route)
    kind = "" if executed else f"/{capability}"
    return Move(
        id=f"{occasion.decision.id}/{route}{kind}",
        capability=capability,
        route=route,
        channel=None if capability in (Capability.BUDGET, Capability.OPTIMUM) else main.reason.channel,
        code=main.reason.code,
        detail=main.reason.detail,
        at=occasion.at,
        due_at=occasion.at + occasion.grade_after_s,
        executed=executed,
        stage=occasion.stages[capability],
        before={one.channel: one.before for one in changes},
        after={one.channel: one.after for one in changes},
        decisions=(occasion.decision.id,),
        metric=None if objective is None else objective.metric,
        limit_s=None if objective is None else objective.limit_s,
    )


@dataclass(slots=True)
class MoveBook:
    """Which moves are open. `gap_s`: after so long without a step or a repetition, the next one is a new move."""

    gap_s: float
    open: dict[str, Move] = field(default_factory=dict)
    _newest: dict[object, tuple[str, float]] = field(default_factory=dict)
    """By key: the move, and when it was last heard of."""

    def note(self, moves: Iterable[Move]) -> list[Move]:
        """Those that are new or have gone a step further."""
        told = []
        for move in moves:
            known = self._newest.get(move.key)
            ended = move.executed and known is not None and known[0] not in self.open
            if known is None or ended or move.at - known[1] > self.gap_s:
                self._newest[move.key] = move.id, move.at
                self.open[move.id] = move
                told.append(move)
                continue
            self._newest[move.key] = known[0], move.at
            if move.executed and (whole := self.open.get(known[0])) is not None:
                self.open[whole.id] = _longer(whole, move)
                told.append(self.open[whole.id])
        return told

    def due(self, at: float) -> list[Move]:
        return [move for move in self.open.values() if move.due_at <= at]

    def close(self, move: Move) -> None:
        self.open.pop(move.id, None)

    def resume(self, moves: Iterable[Move]) -> None:
        """Those that an earlier run has left open."""
        for move in moves:
            if move.verdict is None:
                self.open[move.id] = move
            known = self._newest.get(move.key)
            if known is None or known[1] < move.at:
                self._newest[move.key] = move.id, move.at

    def forget(self, at: float) -> None:
        self._newest = {key: seen for key, seen in self._newest.items() if at - seen[1] <= self.gap_s}


def _longer(whole: Move, step: Move) -> Move:
    return replace(
        whole,
        before={**step.before, **whole.before},
        after={**whole.after, **step.after},
        decisions=(*whole.decisions, *step.decisions)[:_DECISIONS_MAX],
    )
