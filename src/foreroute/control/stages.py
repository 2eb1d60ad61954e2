"""The stages of a tick as the loop sees them. The composition root fills this in; a test fills in its own."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from foreroute.alerts.evidence import Evidence
from foreroute.control.ahead import Ahead
from foreroute.control.incidents.seen import Seen
from foreroute.control.learnt import Learner
from foreroute.control.spread import Spread
from foreroute.control.state import ForecastRecord
from foreroute.control.tuning import TuningDesk
from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel
from foreroute.core.decision import DECIDED, Autopilot, Capability
from foreroute.core.findings import (
    Anomaly,
    BudgetStatus,
    ChannelCost,
    Findings,
    Forecast,
    ForecastSkill,
    Incident,
    Remedy,
    WindowForecast,
)
from foreroute.core.ids import ChannelId, IncidentId
from foreroute.core.ledger import LedgerEntry, Spend
from foreroute.core.optimum import Aims
from foreroute.core.patterns import Refusals, Told
from foreroute.core.plan import RoutingPlan
from foreroute.core.ports import LedgerStore, PlanPublisher, RecordStore, RollupStore, Store
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series
from foreroute.core.work import Expectation, Ratio
from foreroute.forecast.bank.standings import Standing

Key = tuple[ChannelId, Metric]


class Intake(Protocol):
    """Where the gateway's attempts wait for the tick."""

    def drain(self) -> list[Attempt]: ...

    def saved(self) -> None:
        """All that was drained is stored."""
        ...


class Fold(Protocol):
    """Attempts to rollups; re-emits whole windows, late attempts included."""

    def add(self, attempts: Sequence[Attempt], ratios: Sequence[Ratio]) -> None:
        """`ratios`: one an attempt, in the same order."""
        ...

    def changed(self) -> tuple[Rollup, ...]: ...

    def forget(self, before_at: float) -> None: ...


class ForecastStage(Protocol):
    def warm(self, series: Sequence[Series]) -> None: ...

    def update(self, series: Sequence[Series]) -> Mapping[Key, Forecast]: ...

    def skills(self, keys: Collection[Key]) -> tuple[ForecastSkill, ...]: ...


class FitSource(Protocol):
    """What is to be run outside the tick, and what becomes of it."""

    async def start(self) -> None:
        """Takes up the models that an earlier run has stored."""
        ...

    async def due(self, at: float) -> Sequence[Any]: ...

    async def adopt(self, result: Any, at: float) -> None: ...


class WorkStage(Protocol):
    """Learns what is usual for a request."""

    def observe(self, attempts: Sequence[Attempt], at: float) -> Sequence[Ratio]:
        """One ratio an attempt, against what was known before it."""
        ...


class DetectStage(Protocol):
    def warm(self, series: Sequence[Series]) -> None: ...

    def update(self, series: Sequence[Series]) -> tuple[Anomaly, ...]: ...


class LearnStage(Protocol):
    """Learns from failures what they have in common and what channels cannot do."""

    def observe(self, attempts: Sequence[Attempt]) -> None: ...

    def refusals(self, at: float) -> Mapping[ChannelId, Refusals]: ...

    def told(self, at: float) -> Told:
        """What somebody should look at."""
        ...


class AlertStage(Protocol):
    async def update(self, evidence: Evidence) -> None:
        """Tells people what is worth it. Waits for nobody but the store."""
        ...


class OptimumStage(Protocol):
    """Finds the cheapest shares, beside the tick."""

    async def look(self, ahead: Ahead, budgets: Sequence[BudgetStatus]) -> None:
        """Takes up what is known; what it comes to is in `newest` when it has been solved."""
        ...

    def newest(self) -> Aims | None: ...


class BudgetStage(Protocol):
    async def update(self, at: float) -> Sequence[BudgetStatus]:
        """How every budget stands; tells the gateway what the ledger says of each."""
        ...


class ExperimentStage(Protocol):
    async def update(self, at: float) -> bool:
        """Counts what was stored, and judges. True: what runs has changed."""
        ...


class PlaybookStage(Protocol):
    """Runs playbooks about what was found. What it needs others to do, it asks for beside the tick."""

    async def treat(
        self, at: float, rollups: Sequence[Rollup], findings: Findings, *, stage: Autopilot, is_halted: bool
    ) -> Findings:
        """The findings with what is done about them. Raises StoreError when nothing could be written down."""
        ...

    def with_treatments(self, findings: Findings, at: float) -> Findings:
        """The same with what is done by now."""
        ...

    def bound(self, plan: RoutingPlan) -> RoutingPlan:
        """The plan under what runs hold beside shares."""
        ...

    def approved(self) -> set[ChannelId]:
        """The channels that a person has let a run treat."""
        ...


class IncidentStage(Protocol):
    """Makes one story of what is wrong, done and felt."""

    def observe(self, attempts: Sequence[Attempt]) -> None: ...

    async def update(self, seen: Seen) -> None: ...

    def about(self) -> Mapping[ChannelId, IncidentId]:
        """The open incident of each channel that is in one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """Incidents that are open or have just closed, and what their playbooks ask for."""

    incidents: tuple[Incident, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    """Bounds that go with the incidents themselves, beside those of playbooks."""


async def _nothing_read(_store: Store, _at: float) -> None:
    """For pricing that knows all that it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostStage:
    """Pricing and budgets, as pure functions."""

    price: Callable[[Sequence[Attempt]], Sequence[LedgerEntry]]
    period_start: Callable[[float], float]
    """The start of the longest budget period that holds an instant."""
    budgets: Callable[
        [float, Mapping[ChannelId, Spend], Mapping[ChannelId, Spend], float], Sequence[BudgetStatus]
    ]
    """(at, spend since the period began, recent spend, how many seconds that is) → budgets."""
    channel_costs: Callable[[float, Sequence[Rollup]], Sequence[ChannelCost]]
    begin: Callable[[Store, float], Awaitable[None]] = _nothing_read
    """Reads what pricing has to know of the ledger so far; before anything is priced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    channels: tuple[Channel, ...]
    intake: Intake
    fold: Fold
    merge: Callable[[Sequence[Rollup]], Rollup]
    work: WorkStage
    expectations: Callable[[Mapping[Key, Forecast]], Mapping[ChannelId, Expectation]]
    """What each channel's requests are expected to take, by the forecasts of how slow it will be."""
    forecast: ForecastStage
    fits: FitSource
    forecast_record: Callable[[], ForecastRecord]
    past_predictions: Callable[[ChannelId, Metric, float], Series | None]
    """(channel, metric, horizon in seconds) → what was predicted that long before, on the minute it was for."""
    detect: DetectStage
    cost: CostStage
    heal: Callable[[float, Sequence[Rollup]], Healed]
    append: Callable[[Sequence[LedgerEntry], Sequence[Rollup]], Awaitable[None]]
    """Keeps what a tick has collected, all of it or nothing. Appending it again changes nothing."""
    rollups: RollupStore
    ledger: LedgerStore
    records: RecordStore
    publisher: PlanPublisher
    metrics: Mapping[ChannelId, Metric] = field(default_factory=dict)
    """The metric of each channel's objective: what is watched and drawn, and what moves shares."""
    foreseen: Mapping[ChannelId, tuple[Metric, ...]] = field(default_factory=dict)
    """All that is forecast of each channel, the objective's metric among them."""
    learners: Mapping[str, Learner] = field(default_factory=dict)
    """What is kept across restarts, by name."""
    capabilities: frozenset[Capability] = frozenset(DECIDED)
    """Whose moves are made here. A room that makes moves of its own adds its capability, asks the steering for its
    stage, and notes its moves."""
    alerts: AlertStage | None = None
    playbooks: PlaybookStage | None = None
    experiments: ExperimentStage | None = None
    optimum: OptimumStage | None = None
    savings: ExperimentStage | None = None
    """Holds a part of the requests out of everything that the loop moves, and counts what all of them cost."""
    budgets: BudgetStage | None = None
    """None: only what `cost` says of budgets of everybody."""
    learning: LearnStage | None = None
    incidents: IncidentStage | None = None
    spread: Spread | None = None
    """Moves traffic between regions, for routes that prefer the nearest."""
    tuning: TuningDesk | None = None
    windows: Callable[[ChannelId, Metric], Sequence[WindowForecast]] = lambda _channel, _metric: ()
    """What is expected over the next quarter of an hour and hour, for many series at little cost."""
    standings: Callable[[ChannelId, Metric], Sequence[Standing]] = lambda _channel, _metric: ()
    """How well a series has been forecast of late, and whose word counts for how much."""
