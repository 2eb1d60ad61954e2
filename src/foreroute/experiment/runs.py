"""One run of an experiment: from its start to what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from foreroute.core.experiment import RunId
from foreroute.experiment.definition import Definition


class RunState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    """By a person, or because what it needs is gone."""
    GUARDED = "guarded"
    """By a guardrail."""
    ENDED = "ended"
    """Its time was over."""
    PROMOTED = "promoted"
    """One of its arms serves everybody now."""


class Verdict(StrEnum):
    OPEN = "open"
    """Not known yet."""
    BETTER = "better"
    WORSE = "worse"
    EQUAL = "equal"
    """The difference, if there is one, is smaller than what is worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of an arm, and when it was first sure. It stays: intervals hold at all times at once."""

    arm: str
    verdict: Verdict
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """`planned` is how many units each arm is expected to need: intervals are tightest there."""

    id: RunId
    number: int
    definition: Definition
    started_at: float
    slices: tuple[tuple[int, int], ...]
    planned: float = 5000.0
    state: RunState = RunState.RUNNING
    ended_at: float | None = None
    reason: str = ""
    """Why it is over, in a sentence."""
    findings: tuple[Finding, ...] = ()
    promoted: str | None = None
    """The arm that serves everybody."""

    @property
    def begins_at(self) -> float:
        """Until then units are only watched."""
        return self.started_at + self.definition.warm_up_s

    @property
    def ends_at(self) -> float:
        return self.begins_at + self.definition.duration_s

    @property
    def is_running(self) -> bool:
        return self.state is RunState.RUNNING
