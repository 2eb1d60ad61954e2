"""What the loop shows to the outside after each tick: one immutable value, swapped atomically.

The dashboard, the command line and `/metrics` read this and the stores; nothing reads the loop itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from foreroute.control.observe import NOTHING_OBSERVED, Observed
from foreroute.control.rollout import CapabilityView
from foreroute.control.suggestions import Suggestion
from foreroute.core.channel import Channel, Health
from foreroute.core.decision import Autopilot, Decision, Reason
from foreroute.core.findings import Findings
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Objective, RoutingPlan
from foreroute.core.series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRecord:
    """How the forecasts have done since the start, on those whose outcome is known (same origins for both)."""

    made: int = 0
    graded: int = 0
    mean_absolute_error: float | None = None
    naive_mean_absolute_error: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """One row of the channel list."""

    health: Health
    now_s: float | None
    """The objective's metric over the last few minutes; None without traffic."""
    failure_ratio: float | None
    attempts_per_minute: float
    why: Reason | None
    """The reason that moved or holds its share, if anything other than the configuration does."""
    why_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The state after one tick."""

    at: float
    ticks: int
    tick_s: float
    started_at: float
    autopilot: Autopilot
    kill_switch: bool
    channels: tuple[Channel, ...]
    configured: RoutingPlan
    """The weights as configured: what serves when nothing else does."""
    plan: RoutingPlan
    objectives: Mapping[RouteName, Objective]
    views: Mapping[ChannelId, ChannelView]
    findings: Findings
    total: Observed = NOTHING_OBSERVED
    """All channels together over the observation window: what users saw."""
    series: Mapping[ChannelId, Series] = field(default_factory=dict)
    """The objective's metric of each channel, as far back as the loop looks."""
    can_undo: bool = False
    decision: Decision | None = None
    """The newest decision that changed something, or proposed to."""
    forecast_record: ForecastRecord = field(default_factory=ForecastRecord)
    rollout: tuple[CapabilityView, ...] = ()
    """Where each capability stands, and what it has yet to show."""
    suggestions: tuple[Suggestion, ...] = ()
    """What waits for an operator's yes."""
    stage_errors: Mapping[str, str] = field(default_factory=dict)
    """Stage name → what went wrong in the newest tick."""
