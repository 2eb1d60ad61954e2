"""What playbooks can see at one instant: everything that a tick knows, as one value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from foreroute.core.channel import Channel
from foreroute.core.decision import Autopilot
from foreroute.core.findings import Anomaly, BudgetStatus, Forecast, ForecastSkill, Incident
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup, by_channel
from foreroute.core.series import Metric
from foreroute.heal.scopes import all_scopes


@dataclass(frozen=True, kw_only=True)
class Sight:
    """`groups`: the channels of each route. `weights`: each channel's part of its routes as configured, 0…1.

    What is asked of it channel by channel is looked up, not searched for: there may be thousands.
    """

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
        found = {other for name in own for group in self._groups_of.get(name, ()) for other in group}
        return tuple(sorted(found - own))

    def recent(self, channels: Iterable[ChannelId]) -> list[Rollup]:
        """The windows of these channels that have begun, channel by channel, each in order of time."""
        return [one for name in channels for one in self._rollups_of.get(name, ())]

    def channel(self, name: ChannelId) -> Channel | None:
        return self._by_id.get(name)

    def skills_of(self, name: ChannelId) -> Sequence[ForecastSkill]:
        return self._skills_of.get(name, ())

    def members(self, scope: str) -> tuple[ChannelId, ...]:
        """The channels of a scope; none for one that is not there."""
        return self._scopes.get(scope, ())

    @cached_property
    def _groups_of(self) -> dict[ChannelId, list[frozenset[ChannelId]]]:
        found: dict[ChannelId, list[frozenset[ChannelId]]] = {}
        for group in self.groups:
            for name in group:
                found.setdefault(name, []).append(group)
        return found

    @cached_property
    def _rollups_of(self) -> dict[ChannelId, list[Rollup]]:
        return by_channel(one for one in self.rollups if one.window_start < self.at)

    @cached_property
    def _by_id(self) -> dict[ChannelId, Channel]:
        return {channel.id: channel for channel in self.channels}

    @cached_property
    def _skills_of(self) -> dict[ChannelId, list[ForecastSkill]]:
        found: dict[ChannelId, list[ForecastSkill]] = {}
        for skill in self.skills:
            found.setdefault(skill.channel, []).append(skill)
        return found

    @cached_property
    def _scopes(self) -> Mapping[str, tuple[ChannelId, ...]]:
        return all_scopes(self.channels)
