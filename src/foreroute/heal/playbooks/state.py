"""What the playbook engine knows, what it can be told, and what it asks for. Values only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from foreroute.core.ids import ChannelId
from foreroute.core.playbook_ports import Answer
from foreroute.core.playbook_run import Hold, PlaybookRun, RunMode, RunName, RunState
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.heal.playbooks.sight import Sight
from foreroute.heal.playbooks.steps import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Bounds on all playbooks together."""

    parallel_max: int = 10
    starts_per_hour_max: int = 120
    undo_tries_max: int = 3
    """So often a step's undoing is asked for before a person has to look."""
    answer_grace_s: float = 5.0
    """So long after its timeout a step's answer is still waited for."""
    remember_s: float = 30 * 86_400.0
    remember_max: int = 2000


@dataclass(frozen=True, slots=True)
class Book:
    """The playbooks in force, and the rules for all of them."""

    playbooks: Mapping[str, Playbook]
    rules: Rules = field(default_factory=Rules)

    @classmethod
    def of(cls, playbooks: Iterable[Playbook], rules: Rules | None = None) -> "Book":
        """By priority, the highest first."""
        ordered = sorted(playbooks, key=lambda playbook: (-playbook.priority, playbook.name))
        return cls({playbook.name: playbook for playbook in ordered}, rules or Rules())


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """`runs`: those that are under way, those that still hold something, and what is remembered of the past."""

    runs: Mapping[RunName, PlaybookRun] = field(default_factory=dict)
    held_since: Mapping[tuple[str, int, str], float] = field(default_factory=dict)
    """Since when a trigger (playbook, which one, scope) has been true."""
    sight: Sight | None = None
    """What was seen last."""

    @property
    def active(self) -> tuple[PlaybookRun, ...]:
        """Those that are under way: their channels are theirs alone."""
        return tuple(
            run for run in self.runs.values() if not run.is_over and run.state is not RunState.WAITING
        )

    def holds(self, at: float) -> tuple[tuple[PlaybookRun, Hold], ...]:
        """The bounds in force now."""
        return _holds(self.runs.values(), at, shadow=False)

    def shadows(self, at: float) -> tuple[tuple[PlaybookRun, Hold], ...]:
        """Those that would be, if playbooks acted."""
        return _holds(self.runs.values(), at, shadow=True)


def _holds(runs: Iterable[PlaybookRun], at: float, *, shadow: bool) -> tuple[tuple[PlaybookRun, Hold], ...]:
    return tuple(
        (run, hold)
        for run in runs
        if run.is_shadow is shadow and run.mode is not RunMode.DRY_RUN and _counts(run)
        for hold in run.holds
        if hold.is_on(at)
    )


def _counts(run: PlaybookRun) -> bool:
    """A run that waits holds nothing, unless it is only a proposal anyway."""
    if run.state in (RunState.REJECTED, RunState.ROLLED_BACK):
        return False
    return run.is_shadow or run.state is not RunState.WAITING


# What it can be told ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Looked:
    sight: Sight


@dataclass(frozen=True, slots=True)
class Answered:
    run: RunName
    step: str
    answer: Answer
    undo: bool = False


@dataclass(frozen=True, slots=True)
class Approved:
    run: RunName
    actor: str


@dataclass(frozen=True, slots=True)
class Rejected:
    run: RunName
    actor: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """A person wants it, now."""

    playbook: str
    scope: str
    channels: tuple[ChannelId, ...]
    actor: str
    dry_run: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A person wants it undone."""

    run: RunName
    actor: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """After a restart: what was asked for and not answered is asked for again, or given up where that may not be."""

    may_repeat: frozenset[tuple[RunName, str]] = frozenset()


Event = Looked | Answered | Approved | Rejected | Begun | Stopped | Resumed


# What it asks for -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Do:
    run: RunName
    step: str


@dataclass(frozen=True, slots=True)
class Undo:
    run: RunName
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """People have to know. The same key is the same message."""

    key: str
    run: RunName
    severity: Severity
    text: str


Command = Do | Undo | Tell
