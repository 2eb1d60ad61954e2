"""Runs of recovery playbooks, as everybody sees them: the engine that makes them, the journal, and people."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NewType

from foreroute.core.ids import ChannelId, IncidentId

RunName = NewType("RunName", str)


class RunState(StrEnum):
    WAITING = "waiting"
    """For an operator's yes. Nothing has been done."""
    RUNNING = "running"
    """Its steps are being done, one after the other."""
    VERIFYING = "verifying"
    """All is done; whether it helps shows now."""
    ROLLING_BACK = "rolling_back"
    """What was done is being undone, the last step first."""
    VERIFIED = "verified"
    """It helped. What it holds ends by itself."""
    ROLLED_BACK = "rolled_back"
    """It did not help, or could not be done: what could be undone is undone."""
    REJECTED = "rejected"
    """Somebody said no, or nobody said yes in time. Nothing was done."""
    REHEARSED = "rehearsed"
    """A dry run, or a stage that does not act: what would have been done is on record."""

    @property
    def is_over(self) -> bool:
        return self in _OVER


_OVER: Final = frozenset({RunState.VERIFIED, RunState.ROLLED_BACK, RunState.REJECTED, RunState.REHEARSED})


class RunMode(StrEnum):
    AUTO = "auto"
    APPROVE = "approve"
    """Each run waits for an operator's yes."""
    DRY_RUN = "dry_run"
    """Says what it would do, and does nothing."""


class Risk(StrEnum):
    """Of a step."""

    SAFE = "safe"
    """Looks, or tells."""
    BOUNDED = "bounded"
    """Changes what the gateway does, within bounds, and ends by itself."""
    LASTING = "lasting"
    """Lasts until it is undone."""
    DESTRUCTIVE = "destructive"
    """What a hook does: nobody here knows its bounds."""


class StepState(StrEnum):
    PENDING = "pending"
    ASKED = "asked"
    """Written down before it is done: after a crash nobody knows whether it was."""
    CANARY = "canary"
    """A part of it is in force, to see what it does."""
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    REFUSED = "refused"
    """A guard forbade it: it was not done."""
    UNDOING = "undoing"
    UNDONE = "undone"
    STUCK = "stuck"
    """It could not be undone: a person has to look."""


class HoldKind(StrEnum):
    """What a run bounds. `value` is a part of what is configured, 0…1, unless it says otherwise."""

    SHARE = "share"
    CONCURRENCY = "concurrency"
    FIRST_CHUNK_TIMEOUT = "first_chunk_timeout"
    """A factor, which may be above 1."""
    STALL_TIMEOUT = "stall_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    ATTEMPTS = "attempts"
    """The most attempts that a request of its routes may make: a count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A bound on one channel from an instant to another. It is in force because it stands here: nobody makes it."""

    channel: ChannelId
    kind: HoldKind
    value: float
    from_at: float
    until: float

    def is_on(self, at: float) -> bool:
        return self.from_at <= at < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One step of a run. `key` makes it idempotent: whoever does it does it once for each key."""

    id: str
    key: str
    action: str
    risk: Risk
    state: StepState = StepState.PENDING
    asked_at: float | None = None
    ended_at: float | None = None
    said: str = ""
    """What came of it, for people."""
    undo: str = ""
    """How it can be undone, for people."""
    holds: tuple[Hold, ...] = ()
    tries: int = 0
    """How often undoing it was asked for."""


@dataclass(frozen=True, slots=True)
class RunNote:
    """One line of a run's account."""

    at: float
    actor: str
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookRun:
    """One run, whole: what began it, what was done, how it ended. A value; each change is the next `revision`."""

    id: RunName
    playbook: str
    scope: str
    """`channel:NAME`, `region:CLOUD/NAME`, `provider:NAME`, `model:NAME` or `gateway`."""
    channels: tuple[ChannelId, ...]
    """Those of the scope: no other run may treat one of them meanwhile."""
    priority: int
    number: int = 1
    """Which run of this playbook it is in its incident, or on its scope of late."""
    incident: IncidentId | None = None
    trigger: str = ""
    """Why it began, in words, with the numbers."""
    evidence: str = ""
    """What was known of the scope then."""
    actor: str = "foreroute"
    mode: RunMode = RunMode.AUTO
    is_shadow: bool = False
    """The capability did not act: its bounds are proposed, not made."""
    state: RunState = RunState.RUNNING
    started_at: float
    ended_at: float | None = None
    acted_at: float | None = None
    """When its steps were done: from then on it shows whether they help."""
    deadline_at: float
    steps: tuple[StepRun, ...] = ()
    verification: str = ""
    """What the last look at its success conditions said."""
    bad_looks: int = 0
    """How often a failure condition held."""
    looked_at: float = 0.0
    why: str = ""
    """Why it ended as it did."""
    escalated: tuple[int, ...] = ()
    """Which escalations were made."""
    preempted_by: RunName | None = None
    revision: int = 0
    notes: tuple[RunNote, ...] = field(default=())

    @property
    def is_over(self) -> bool:
        return self.state.is_over

    @property
    def held_until(self) -> float:
        """The end of its last bound."""
        return max((hold.until for step in self.steps for hold in step.holds), default=0.0)

    @property
    def holds(self) -> tuple[Hold, ...]:
        return tuple(hold for step in self.steps for hold in step.holds)

    def step(self, name: str) -> StepRun:
        """Raises KeyError."""
        for step in self.steps:
            if step.id == name:
                return step
        raise KeyError(name)
