"""Whether a capability has earned its next stage: its graded moves against the thresholds. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from foreroute.control.controls import RANKS, Steering
from foreroute.control.moves import TROUBLES, Grade, Move
from foreroute.core.decision import Autopilot, Capability
from foreroute.core.errors import ForerouteError

_HOUR_S: Final = 3600.0


class RolloutRefusedError(ForerouteError):
    """A stage that may not be raised, or an answer to a suggestion that is not there; `hint` says what would help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What a capability must have shown before its stage is raised. Ratios are of the graded moves, 0…1."""

    graded_min: int = 20
    helped_ratio_min: float = 0.5
    wrong_ratio_max: float = 0.3
    """False alarms and moves that hurt."""
    hurt_ratio_max: float = 0.1
    stage_s_min: float = 86_400.0
    """How long it has been at its stage."""
    evidence_s: float = 30 * 86_400.0
    """Older moves do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The graded moves of one capability, by grade. Those that nobody can grade are no evidence either way."""

    counts: dict[Grade, int] = field(default_factory=dict)
    waiting: int = 0
    """Not due yet."""

    @property
    def graded(self) -> int:
        return sum(count for grade, count in self.counts.items() if grade is not Grade.UNKNOWN)

    def ratio(self, *grades: Grade) -> float:
        """0 without any graded move."""
        return sum(self.counts.get(grade, 0) for grade in grades) / self.graded if self.graded else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityView:
    """Where a capability stands, for people."""

    capability: Capability
    stage: Autopilot
    granted: Autopilot
    """What the configuration allows without any proof."""
    exists: bool
    """False: nothing here makes its moves yet."""
    since_at: float | None
    tally: Tally
    next: Autopilot | None
    """The stage above; None at the top."""
    missing: tuple[str, ...]
    """What it has yet to show before it may go there; empty: it may."""


def tally(moves: Iterable[Move], capability: Capability, *, since_at: float) -> Tally:
    """Ways back to the configured weights are no evidence: they follow from the move before."""
    mine = [one for one in moves if one.capability is capability and one.code in TROUBLES]
    counts = Counter(one.verdict.grade for one in mine if one.verdict is not None and one.at >= since_at)
    return Tally(counts=dict(counts), waiting=sum(one.verdict is None for one in mine))


def view(
    steering: Steering,
    capability: Capability,
    moves: Iterable[Move],
    thresholds: Thresholds,
    *,
    at: float,
    started_at: float,
    exists: bool,
) -> CapabilityView:
    """`started_at`: since when a stage counts as held where nobody has noted it."""
    stage = steering.stage(capability)
    since_at = steering.since_at.get(capability)
    found = tally(moves, capability, since_at=at - thresholds.evidence_s)
    above = RANKS.index(stage) + 1
    following = RANKS[above] if above < len(RANKS) else None
    held_s = at - (started_at if since_at is None else since_at)
    granted = steering.granted[capability]
    missing: tuple[str, ...] = ()
    if not exists:
        missing = (f"nothing here makes moves of {capability} yet",)
    elif following is not None and above > RANKS.index(granted):
        missing = _missing(found, held_s, thresholds)
    return CapabilityView(
        capability=capability,
        stage=stage,
        granted=granted,
        exists=exists,
        since_at=since_at,
        tally=found,
        next=following,
        missing=missing,
    )


def _missing(found: Tally, held_s: float, thresholds: Thresholds) -> tuple[str, ...]:
    said = []
    if found.graded < thresholds.graded_min:
        said.append(f"{found.graded} of {thresholds.graded_min} moves are graded")
    helped, hurt = found.ratio(Grade.HELPED), found.ratio(Grade.HURT)
    wrong = found.ratio(Grade.HURT, Grade.FALSE_ALARM)
    if found.graded and helped < thresholds.helped_ratio_min:
        said.append(f"{helped:.0%} of them helped, at least {thresholds.helped_ratio_min:.0%} must")
    if found.graded and wrong > thresholds.wrong_ratio_max:
        said.append(
            f"{wrong:.0%} were wrong (hurt or false alarm), at most {thresholds.wrong_ratio_max:.0%} may"
        )
    if found.graded and hurt > thresholds.hurt_ratio_max:
        said.append(f"{hurt:.0%} hurt, at most {thresholds.hurt_ratio_max:.0%} may")
    if held_s < thresholds.stage_s_min:
        said.append(
            f"{held_s / _HOUR_S:.1f} of {thresholds.stage_s_min / _HOUR_S:.1f} hours at this stage have passed"
        )
    return tuple(said)
