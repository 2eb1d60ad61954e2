"""The seams of the house. Each has at most three methods; a back end passes the contract test of its port."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, runtime_checkable

from foreroute.core.attempt import Attempt, Usage
from foreroute.core.budgets import ScopedBudget
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass, FailureEvidence
from foreroute.core.findings import Forecast
from foreroute.core.ids import ChannelId, KeyId, RegionId
from foreroute.core.keys import KeyBook, Team, VirtualKey
from foreroute.core.ledger import Correction, LedgerEntry, Spend, SpendCell, UsedPrices
from foreroute.core.plan import RoutingPlan
from foreroute.core.rollup import Rollup, Tiers
from foreroute.core.series import Metric, Samples, Series


class Clock(Protocol):
    """The only source of the time of day. Instants are float seconds since the epoch, UTC."""

    def now(self) -> float: ...

    async def sleep_until(self, at: float) -> None: ...


class AttemptSink(Protocol):
    """Takes attempts from the gateway. Never blocks and never raises; safe to call from any thread."""

    def record(self, attempt: Attempt) -> None: ...


class PlanReader(Protocol):
    def current(self) -> RoutingPlan: ...


class PlanPublisher(Protocol):
    """Publishing is atomic and idempotent; a plan older than the current one is refused silently."""

    def publish(self, plan: RoutingPlan) -> None: ...


class Classifier(Protocol):
    """Names the cause of a failed attempt. Pure, under a millisecond, mostly under a tenth of one; never raises."""

    def classify(self, evidence: FailureEvidence) -> FailureClass: ...


class RollupStore(Protocol):
    """Windows of channels. `append` replaces a rollup of the same (channel, segment, window_start, source).

    Where the minutes of an hour have become one rollup already, a minute that is new adds to it, and one that is
    in it changes nothing.
    """

    async def append(self, rollups: Sequence[Rollup]) -> None: ...

    async def read(
        self,
        *,
        start_at: float,
        end_at: float,
        channels: Sequence[ChannelId] | None = None,
        segment: str = "",
    ) -> list[Rollup]:
        """Rollups with start_at ≤ window_start < end_at, by (window_start, channel), sources already merged.

        Minutes where they are kept, hours before, days before that; no two of a channel overlap.
        """
        ...

    async def series(
        self, channel: ChannelId, metric: Metric, *, start_at: float, end_at: float, segment: str = ""
    ) -> Samples:
        """One metric of what `read` would return for this channel, without the rest of it. Packed minutes are
        exact to seven digits.
        """
        ...


class KeptRollups(RollupStore, Protocol):
    """Rollups that become coarser with age and go at last, as a `Store` holds them."""

    async def prune(self, before_at: float) -> int:
        """Forget rollups that started before; returns how many, one that has come again after packing twice."""
        ...

    async def thin(self, tiers: Tiers) -> int:
        """One bounded step towards these tiers; returns how many rollups it took up. 0: all is as it should be.

        A step is done whole or not at all: a run that is killed neither loses nor doubles anything.
        """
        ...


class LedgerStore(Protocol):
    """Priced attempts. `append` ignores an entry whose (request_id, number) is already there."""

    async def append(self, entries: Sequence[LedgerEntry]) -> None: ...

    async def spend(self, *, start_at: float, end_at: float) -> Mapping[ChannelId, Spend]:
        """Totals of the attempts with start_at ≤ started_at < end_at, by channel."""
        ...

    async def request(self, request_id: str) -> list[LedgerEntry]:
        """All attempts of one request, by number; empty if it is unknown. A client's own id finds its newest one."""
        ...

    async def missing(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Those of them that have no row."""
        ...


class KeptLedger(LedgerStore, Protocol):
    """A ledger whose old rows are let go, as a `Store` holds one."""

    async def entries(self, *, start_at: float, end_at: float) -> list[LedgerEntry]:
        """All rows with start_at ≤ started_at < end_at, by started_at. Ask for an hour at a time: days are many."""
        ...

    async def prune(self, before_at: float) -> int:
        """Forget the attempts of whole hours (of the epoch) that ended by then; returns how many attempts.

        Their hourly totals stay: `spend` remains exact for windows that hold whole such hours, and leaves
        out those that it would have to cut.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of a journal: decisions, incidents, anomalies, forecasts with their outcome, audit.

    (kind, id) identifies it; writing it again replaces it. `body` is one JSON object.
    """

    kind: str
    id: str
    at: float
    body: bytes


class RecordStore(Protocol):
    async def append(self, records: Sequence[Record]) -> None: ...

    async def read(
        self, kind: str, *, since_at: float = 0.0, until_at: float = math.inf, limit: int = 1000
    ) -> list[Record]:
        """The newest `limit` records of a kind with since_at ≤ at < until_at, oldest first."""
        ...

    async def prune(self, before_at: float) -> int: ...


class Store(Protocol):
    """All that is kept, behind one life cycle."""

    async def append(self, entries: Sequence[LedgerEntry], rollups: Sequence[Rollup]) -> None:
        """Both appends in one step, where the back end can: so a run that is killed leaves neither without the other."""
        ...

    @property
    def rollups(self) -> KeptRollups: ...

    @property
    def ledger(self) -> KeptLedger: ...

    @property
    def records(self) -> RecordStore: ...

    async def close(self) -> None: ...


class StateStore(Protocol):
    """What stages have learnt and want to know again after a restart: one state for each name."""

    async def read(self, name: str) -> bytes | None: ...

    async def write(self, name: str, state: bytes) -> None: ...

    async def set_aside(self, name: str) -> None:
        """What was written is no use; it is not read again."""
        ...


class FittedForecaster(Protocol):
    """A model that is ready: immutable, picklable, pure, never raises on short or gappy series."""

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        """`steps` steps after `series.end_at`, with the interval at the model's own coverage."""
        ...


class Forecaster(Protocol):
    """A way of making fitted models. `fit` runs in a process pool, so the object and the result are picklable."""

    @property
    def name(self) -> str: ...

    def fit(self, series: Series) -> FittedForecaster: ...


class FittedPool(Protocol):
    """One model that answers for every series of a metric: immutable, picklable, pure, never raises on short or gappy ones."""

    def forecast(self, series: Sequence[Series], *, steps: int) -> tuple[Forecast, ...]:
        """One forecast for each series, in their order; each from its own values alone."""
        ...

    def dump(self) -> Mapping[str, bytes]:
        """The files that `PooledForecaster.load` makes the same model of again. Data only: nothing in them is run."""
        ...


class PooledForecaster(Protocol):
    """A way of making one model from all series of a metric. `fit` runs in a process pool, as a `Forecaster`'s does."""

    @property
    def name(self) -> str: ...

    def fit(self, series: Sequence[Series]) -> FittedPool:
        """Raises TooLittleHistory when the series are too few or too short to learn from."""
        ...

    def load(self, files: Mapping[str, bytes]) -> FittedPool:
        """Raises ModelFileError when these are not what `dump` of this kind of model wrote."""
        ...


@dataclass(frozen=True, slots=True)
class Score:
    """How unusual the last value of a series is (≥ 0, larger is stranger), and what was expected instead."""

    score: float
    expected: float


class Detector(Protocol):
    """Scores only; a threshold decides. Uses nothing after the last value. Pure."""

    @property
    def name(self) -> str: ...

    def score(self, series: Series) -> Score | None:
        """None: too little is known to judge (warm-up, missing value)."""
        ...


class CostStore(Protocol):
    """The ledger as reports ask for it. What it answers is the same money as `LedgerStore.spend`, told apart further."""

    async def cells(self, windows: Sequence[tuple[float, float]]) -> list[SpendCell]:
        """What each group spent in each window (start inclusive, end exclusive), by (start_at, group).

        Windows begin and end on quarters of an hour of the epoch; others are a ValueError. Exact also after the
        ledger's rows were let go.
        """
        ...

    async def rows(self, *, start_at: float, end_at: float, limit: int) -> list[LedgerEntry]:
        """The attempts that started then, oldest first, each at its latest cost."""
        ...

    async def correct(self, corrections: Sequence[Correction]) -> int:
        """Adds the rows that change something, all or none, and returns how many. Of an attempt that is not on record,
        and of a cost that is the same already, nothing is written.
        """
        ...


@runtime_checkable
class CostedStore(Protocol):
    @property
    def costs(self) -> CostStore: ...


@dataclass(frozen=True, slots=True)
class Price:
    cost_usd: Decimal | None
    source: str
    used: UsedPrices | None = field(default=None, compare=False)
    """The unit prices behind it."""


class AttemptPricer(Protocol):
    def __call__(self, attempt: Attempt) -> Decimal | None:
        """What the ledger will say that it cost; None: nobody knows."""
        ...


class PriceBook(Protocol):
    def cost_usd(
        self, channel: Channel, usage: Usage, at: float, *, tier: str = "", held_s: float = 0.0
    ) -> Price:
        """What this usage costs on this channel at this instant. Unknown models have no price, never zero.

        `tier` is the provider's service tier; one without a known price has none. `held_s` is how long one of the
        channel's places was taken, for channels that cost by the hour.
        """
        ...


class Locator(Protocol):
    def region_of(self, client: str | None, headers: Mapping[str, str]) -> RegionId | None: ...


class KeyStore(Protocol):
    """Virtual keys and teams. What is deleted stays, marked so: `put` of an id that is there replaces it."""

    async def read(self) -> KeyBook:
        """All of them, each kind by id. Raises StoreCorrupt if one cannot be read: no key is silently left out."""
        ...

    async def put(self, key: VirtualKey) -> None: ...

    async def put_team(self, team: Team) -> None: ...


class KeySpend(Protocol):
    async def spend_by_key(self, *, start_at: float, end_at: float) -> Mapping[KeyId, Decimal]:
        """What the attempts with start_at ≤ started_at < end_at cost in US dollars, by key; unpriced ones nothing.

        Exact for windows of whole hours (of the epoch) also after the ledger's rows were let go; where a window
        would cut such an hour it is left out. Attempts without a key are nobody's.
        """
        ...


@runtime_checkable
class KeyedStore(Protocol):
    """A store that keeps virtual keys and knows what each has spent, beside what every `Store` keeps."""

    @property
    def keys(self) -> KeyStore: ...

    @property
    def key_spend(self) -> KeySpend: ...


class BudgetStore(Protocol):
    """Budgets that were set at run time, by name. They outlive the process as far as the store does."""

    async def read(self) -> tuple[ScopedBudget, ...]:
        """By name. Raises StoreCorrupt if one cannot be read: no limit is silently left out."""
        ...

    async def put(self, budget: ScopedBudget) -> None:
        """Replaces the one of the same name."""
        ...

    async def remove(self, name: str) -> bool:
        """Whether there was one."""
        ...


@runtime_checkable
class BudgetedStore(Protocol):
    @property
    def budgets(self) -> BudgetStore: ...
