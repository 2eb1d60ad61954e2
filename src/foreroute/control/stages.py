"""The stages of a tick as the loop sees them. The composition root fills this in; a test fills in its own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from foreroute.control.counts import Counts
from foreroute.control.state import ForecastRecord
from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel
from foreroute.core.findings import (
    Anomaly,
    BudgetStatus,
    ChannelCost,
    Forecast,
    ForecastSkill,
    Incident,
    Remedy,
)
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import LedgerEntry, Spend
from foreroute.core.ports import LedgerStore, PlanPublisher, RecordStore, RollupStore
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, Series


class Intake(Protocol):
    """Where the gateway's attempts wait for the tick."""

    def drain(self) -> list[Attempt]: ...

    def saved(self) -> None:
        """All that was drained is stored."""
        ...


class Fold(Protocol):
    """Attempts to rollups; re-emits whole windows, late attempts included."""

    def add(self, attempts: Sequence[Attempt]) -> None: ...

    def changed(self) -> tuple[Rollup, ...]: ...

    def forget(self, before_at: float) -> None: ...


class ForecastStage(Protocol):
    def warm(self, series: Sequence[Series]) -> None: ...

    def update(self, series: Sequence[Series]) -> tuple[Forecast, ...]: ...

    def skills(self) -> tuple[ForecastSkill, ...]: ...


class FitSource(Protocol):
    def due_fits(self, at: float) -> Sequence[Any]: ...

    def adopt(self, result: Any) -> None: ...


class DetectStage(Protocol):
    """`counts`: how many requests stand behind the newest values of each series."""

    def warm(self, series: Sequence[Series], counts: Counts) -> None: ...

    def update(self, series: Sequence[Series], counts: Counts) -> tuple[Anomaly, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """Incidents that are open or have just closed, and what their playbooks ask for."""

    incidents: tuple[Incident, ...] = ()
    remedies: tuple[Remedy, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    channels: tuple[Channel, ...]
    intake: Intake
    fold: Fold
    merge: Callable[[Sequence[Rollup]], Rollup]
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
    """The metric of each channel's objective: what is forecast, watched and drawn."""
