"""Where runs of playbooks are written down before anything is done, and who does what they ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from foreroute.core.ids import ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRun:
    """A run as it is kept. `open_until`: infinity while it is not over, then the end of its last bound."""

    id: str
    playbook: str
    revision: int
    started_at: float
    open_until: float
    body: bytes


class RunJournal(Protocol):
    """The write-ahead journal of playbook runs."""

    async def save(self, runs: Sequence[KeptRun]) -> bool:
        """All of them or none. A run's revision is one above the kept one (1 when it is new), or the same with the
        same body, which changes nothing; else somebody else has written: nothing is kept, and the answer is False.
        """
        ...

    async def open(self, at: float) -> list[KeptRun]:
        """Those that are not over, or still hold something at this instant, by (started_at, id)."""
        ...

    async def recent(
        self, *, since_at: float = 0.0, playbook: str | None = None, limit: int = 100
    ) -> list[KeptRun]:
        """The newest that began at or after an instant, oldest first."""
        ...


class KeptRunJournal(RunJournal, Protocol):
    async def prune(self, before_at: float) -> int:
        """Forgets those that began before and are open no more by then; returns how many."""
        ...


@runtime_checkable
class PlaybookStore(Protocol):
    """A store that keeps runs of playbooks."""

    @property
    def playbook_runs(self) -> KeptRunJournal: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a step asks for outside the plan. `key` is the same each time it is asked, another one for its undoing."""

    key: str
    action: str
    run: str
    playbook: str
    step: str
    scope: str
    channels: tuple[ChannelId, ...]
    wanted: Mapping[str, str | float] = field(default_factory=dict)
    """The step's checked parameters."""
    timeout_s: float
    at: float
    said: str = ""
    """When it is to be undone: what doing it said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order. `probe_ok`: of those that look. `is_unsure`: nobody knows whether it was done."""

    ok: bool
    said: str = ""
    probe_ok: bool | None = None
    is_unsure: bool = False


class StepActuator(Protocol):
    """Does what steps ask for. Never raises; the same key again has no second effect where the other side knows keys."""

    async def do(self, order: Order) -> Answer: ...

    async def undo(self, order: Order) -> Answer: ...

    def may_repeat(self, order: Order) -> bool:
        """Whether an order that may have been done already can be given again with the same key."""
        ...
