"""The account of all moves: what was done or proposed, what became of it, and what that says about each capability."""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import ValidationError

from foreroute.control.controls import Steering
from foreroute.control.grading import GradingRules, Merge, verdict
from foreroute.control.moves import MOVE, Move, MoveBook, Occasion, move_record, moves_of, read_move
from foreroute.control.rollout import CapabilityView, Thresholds, view
from foreroute.control.suggestions import Suggestion, SuggestionBook
from foreroute.core.decision import DECIDED, Capability, Decision, capability_of
from foreroute.core.ports import Record, RecordStore
from foreroute.core.rollup import Rollup
from foreroute.decide.snapshot import Approval, Snapshot

_log: Final = logging.getLogger("foreroute.control")
_MOVES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSettings:
    """Seconds throughout."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    rules: GradingRules = field(default_factory=GradingRules)
    grade_after_s: float = 1080.0
    """The forecast horizon and one observation window: by then trouble that was forecast has come, or has not."""
    suggestion_valid_s: float = 1800.0
    gap_s: float = 300.0
    """So long without a step, and what comes is another move."""


@dataclass(slots=True)
class Reckoning:
    """Owned by the loop. `graded` holds what is evidence, oldest first."""

    settings: RolloutSettings
    steering: Steering
    merge: Merge
    started_at: float
    capabilities: Collection[Capability] = DECIDED
    """Whose moves are made here."""
    graded: list[Move] = field(default_factory=list)
    book: MoveBook = field(init=False)
    suggestions: SuggestionBook = field(init=False)

    def __post_init__(self) -> None:
        self.book = MoveBook(gap_s=self.settings.gap_s)
        self.suggestions = SuggestionBook(valid_s=self.settings.suggestion_valid_s, gap_s=self.settings.gap_s)

    async def resume(self, records: RecordStore, at: float) -> None:
        """Takes up what earlier runs have noted. Raises StoreError."""
        since_at = at - self.settings.thresholds.evidence_s
        known = [_read(one) for one in await records.read(MOVE, since_at=since_at, limit=_MOVES_MAX)]
        moves = [one for one in known if one is not None]
        self.book.resume(moves)
        self.graded = [one for one in moves if one.verdict is not None]

    def note(self, decision: Decision, snapshot: Snapshot) -> list[Move]:
        """The moves of a tick that are to be written down: new ones, and those that went a step further."""
        occasion = Occasion(
            at=snapshot.at,
            decision=decision,
            stages={one: self.steering.stage(one) for one in Capability},
            objectives=snapshot.objectives,
            grade_after_s=self.settings.grade_after_s,
        )
        moves = moves_of(occasion)
        self._tell_expired(self.suggestions.update(moves, snapshot.at))
        self.book.forget(snapshot.at)
        return self.book.note(moves)

    def grade(self, at: float, rollups: Sequence[Rollup]) -> list[Move]:
        """Those that are due, with their verdicts."""
        found = []
        for move in self.book.due(at):
            done = replace(move, verdict=verdict(move, rollups, self.merge, self.settings.rules))
            self.book.close(move)
            found.append(done)
        oldest = at - self.settings.thresholds.evidence_s
        self.graded = [one for one in [*self.graded, *found] if one.at >= oldest][-_MOVES_MAX:]
        return found

    def take(self, moves: Sequence[Move]) -> None:
        """Moves that come with their grade."""
        self.graded = [*self.graded, *moves][-_MOVES_MAX:]

    def views(self, at: float) -> tuple[CapabilityView, ...]:
        moves = [*self.graded, *self.book.open.values()]
        return tuple(
            view(
                self.steering,
                one,
                moves,
                self.settings.thresholds,
                at=at,
                started_at=self.started_at,
                exists=one in self.capabilities,
            )
            for one in Capability
        )

    def view(self, capability: Capability, at: float) -> CapabilityView:
        return next(one for one in self.views(at) if one.capability is capability)

    def expire_approvals(self, decision: Decision, *, overrun: bool) -> None:
        """An approval holds as long as its trouble does."""
        standing = {
            Approval(owner, cause.channel)
            for cause in decision.causes
            if (owner := capability_of(cause.code)) is not None
        }
        if overrun:
            standing.add(Approval(Capability.BUDGET))
        if any(one.shares for one in decision.pursued.values()):
            standing.add(Approval(Capability.OPTIMUM))
        self.steering.approved = tuple(one for one in self.steering.approved if one in standing)

    def _tell_expired(self, expired: Iterable[Suggestion]) -> None:
        for one in expired:
            _log.info("suggestion_expired", extra={"suggestion": one.id, "route": one.route})


def move_records(moves: Iterable[Move]) -> list[Record]:
    return [move_record(move) for move in moves]


def _read(record: Record) -> Move | None:
    """A move of another version is no evidence, and no reason not to start."""
    try:
        return read_move(record)
    except ValidationError as error:
        _log.warning("move_unreadable", extra={"move": record.id, "error": str(error)})
        return None
