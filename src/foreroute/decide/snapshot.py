"""Everything that a decision may know. Logged with each decision, so that any of them can be replayed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from foreroute.core.decision import Autopilot, Capability, Cause
from foreroute.core.findings import BudgetStatus, Remedy
from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.optimum import Aims, Pursuit
from foreroute.core.plan import Objective, Route, RoutingPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A forecast of the objective's metric at one horizon, with the right it has earned."""

    horizon_s: float
    mean_s: float
    lower_s: float
    upper_s: float
    coverage: float
    model: str
    has_vote: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """One channel as the analysing stages see it at this instant."""

    now_s: float | None = None
    """The objective's metric over the observation window; None without enough attempts."""
    failure_ratio: float | None = None
    judged: int = 0
    """Attempts of the observation window that say something about the channel."""
    outlook: Outlook | None = None
    usd_per_request: Decimal | None = None
    remedies: tuple[Remedy, ...] = ()
    measured: int | None = None
    """Windows in which the objective's metric was measured, as far back as the loop looks; None: not told."""


UNKNOWN_STATE = ChannelState()


@dataclass(frozen=True, slots=True)
class Approval:
    """An operator's yes to what a capability suggests about one channel; None: about no single one, as a budget does."""

    capability: Capability
    channel: ChannelId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The input of `decide()`: same snapshot, same decision."""

    at: float
    decision_id: DecisionId
    autopilot: Autopilot
    kill_switch: bool
    configured: Mapping[RouteName, Route]
    current: RoutingPlan
    objectives: Mapping[RouteName, Objective]
    channels: Mapping[ChannelId, ChannelState]
    causes: tuple[Cause, ...] = ()
    """What the previous decision left standing."""
    budgets: tuple[BudgetStatus, ...] = ()
    suppressed_until: Mapping[ChannelId, float] = field(default_factory=dict)
    """Channels that an operator's undo protects from automatic changes, until when."""
    actions_last_hour: int = 0
    missing_stages: tuple[str, ...] = ()
    stages: Mapping[Capability, Autopilot] = field(default_factory=dict)
    """How far each capability may go; those that are not named go as far as `autopilot`."""
    approved: tuple[Approval, ...] = ()
    """What may be done though its capability only suggests."""
    aims: Aims | None = None
    """The newest cost optimum; None: none is asked for, or none was found yet."""
    pursued: Mapping[RouteName, Pursuit] = field(default_factory=dict)
    """What the previous decision aimed at."""
