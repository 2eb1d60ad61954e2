"""What playbooks can see at one instant: everything that a tick knows, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from foreroute.core.channel import Channel
from foreroute.core.decision import Autopilot
from foreroute.core.findings import Anomaly, BudgetStatus, Forecast, ForecastSkill, Incident
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """`groups`: the channels of each route. `weights`: each channel's part of its routes as configured, 0…1."""

    at: float
    channels: tuple[Channel, ...] = ()
    rollups: Sequence[Rollup] = ()
    """The recent windows of all channels that ended by `at`."""
    groups: tuple[frozenset[ChannelId], ...] = ()
    weights: Mapping[ChannelId, float] = field(default_factory=dict)
    objectives: Mapping[ChannelId, tuple[Metric, float]] = field(default_factory=dict)
    """The metric and the limit of the strictest objective that each channel serves."""
    incidents: tuple[Incident, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    forecasts: Mapping[tuple[ChannelId, Metric], Forecast] = field(default_factory=dict)
    skills: tuple[ForecastSkill, ...] = ()
    budgets: tuple[BudgetStatus, ...] = ()
    costs: Mapping[ChannelId, float] = field(default_factory=dict)
    """US dollars for an average request, where a price is known."""
    stage: Autopilot = Autopilot.ACT
    """How far playbooks may go."""
    is_halted: bool = False
    """The kill switch: nothing begins, and what runs is rolled back."""

    def peers(self, channels: Sequence[ChannelId]) -> tuple[ChannelId, ...]:
        """The other channels of the routes that these serve."""
        own = set(channels)
        found: set[ChannelId] = set()
        for group in self.groups:
            if group & own:
                found |= group
        return tuple(sorted(found - own))
