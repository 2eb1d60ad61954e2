"""Where experiments are kept, and where the attempts of their requests are found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from foreroute.core.ledger import LedgerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTally:
    """The sums of one run, and up to where the ledger and the scores are in them. `units` are (arm, sums) by unit."""

    run: str
    ledger_row: int
    score_row: int
    body: bytes
    units: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptScore:
    """What somebody said of the answer to a request. `row` is given by the store."""

    run: str
    request_id: str
    arm: str
    unit: str
    started_at: float
    score: float
    row: int = 0


class RunStore(Protocol):
    """Definitions and runs, each a JSON object under its kind and id."""

    async def read(self, kind: str) -> Mapping[str, bytes]: ...

    async def put(self, kind: str, name: str, body: bytes) -> None: ...


class TallyStore(Protocol):
    """A save is whole or not at all: what is counted, and up to where, never part."""

    async def read(self, run: str) -> KeptTally | None: ...

    async def save(self, tally: KeptTally) -> None:
        """Units that are not named stay as they are."""
        ...

    async def forget_units(self, run: str) -> None: ...


class ScoreStore(Protocol):
    async def add(self, score: KeptScore) -> tuple[KeptScore, bool]:
        """The score that is kept for (run, request): this one (True), or the one that came first."""
        ...

    async def since(self, run: str, row: int) -> Sequence[KeptScore]:
        """Those with a later row, by row."""
        ...


class MarkedLedger(Protocol):
    """The ledger, as far as experiments want to know it. Rows only grow."""

    async def newest(self) -> int:
        """The row of the newest attempt; 0: there is none."""
        ...

    async def marked(self, after: int, limit: int) -> tuple[int, Sequence[tuple[int, LedgerEntry]]]:
        """Up to which row was looked, and the attempts of requests in experiments, each with its row."""
        ...

    async def recent(self, routes: Sequence[str], since_at: float, limit: int) -> Sequence[LedgerEntry]:
        """The newest attempts of these routes, newest first."""
        ...


class ExperimentStore(Protocol):
    @property
    def runs(self) -> RunStore: ...

    @property
    def tallies(self) -> TallyStore: ...

    @property
    def scores(self) -> ScoreStore: ...

    @property
    def marked(self) -> MarkedLedger: ...


@runtime_checkable
class ExperimentedStore(Protocol):
    """A store that keeps experiments, beside what every `Store` keeps."""

    @property
    def experiments(self) -> ExperimentStore: ...
