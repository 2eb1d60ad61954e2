"""What the dashboard reads and what it may change. The composition root fills this in; a test fills in its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from foreroute.control.incidents.desk import IncidentDesk
from foreroute.control.state import Board
from foreroute.core.decision import Autopilot
from foreroute.core.findings import WindowForecast
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Clock, LedgerStore, RecordStore
from foreroute.core.series import Metric, Series
from foreroute.forecast.bank.standings import Standing


class Controls(Protocol):
    """What an operator can do. Takes effect at once and is on record."""

    async def set_autopilot(self, mode: Autopilot, *, force: bool = False, why: str = "") -> None:
        """All capabilities at once. Raises RolloutRefusedError."""
        ...

    async def kill_switch(self, *, on: bool) -> None: ...

    async def undo(self) -> bool:
        """False: there is nothing to undo."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    board: Callable[[], Board | None]
    """The state after the newest tick; None until the loop has started."""
    controls: Controls
    ledger: LedgerStore
    records: RecordStore
    past_predictions: Callable[[ChannelId, Metric, float], Series | None]
    """(channel, metric, horizon in seconds) → what was predicted that long before, on the minute it was for."""
    windows: Callable[[ChannelId, Metric], Sequence[WindowForecast]]
    """What is expected over the next quarter of an hour and hour, for many series at little cost."""
    standings: Callable[[ChannelId, Metric], Sequence[Standing]]
    """How well a series has been forecast of late, and whose word counts for how much."""
    period_start: Callable[[float], float]
    """The start of the budget period that holds an instant; the instant itself without a budget."""
    clock: Clock
    store_kind: str = "memory"
    gateway_url: Callable[[], str | None] = lambda: None
    """Where clients send their requests; None until it listens."""
    demo: bool = False
    incidents: IncidentDesk | None = None
    """Where incidents are told; None: only those of single channels are known."""
