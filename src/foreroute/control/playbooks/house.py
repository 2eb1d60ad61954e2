"""What playbooks know of the house without a tick: channels, routes, objectives, limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from foreroute.control.rollout import RolloutRefusedError
from foreroute.core.channel import Channel
from foreroute.core.decision import Autopilot
from foreroute.core.findings import Findings
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Objective, RoutingPlan
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric
from foreroute.heal.playbooks.sight import Sight


class PlaybookRefusedError(RolloutRefusedError):
    """Something about a playbook or a run that cannot be done; `hint` says what would help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """`configured`: the routes as the configuration has them."""

    channels: tuple[Channel, ...]
    configured: RoutingPlan
    objectives: Mapping[RouteName, Objective] = field(default_factory=dict)

    def sight(
        self,
        at: float,
        rollups: list[Rollup],
        findings: Findings,
        *,
        stage: Autopilot,
        is_halted: bool,
    ) -> Sight:
        """Everything of a tick that playbooks may look at."""
        routes = self.configured.routes.values()
        weights: dict[ChannelId, float] = {}
        for route in routes:
            for target in route.targets:
                weights[target.channel] = weights.get(target.channel, 0.0) + target.weight / len(
                    self.configured.routes
                )
        return Sight(
            at=at,
            channels=self.channels,
            rollups=rollups,
            groups=tuple(frozenset(target.channel for target in route.targets) for route in routes),
            weights=weights,
            objectives=self._objectives(),
            incidents=findings.incidents,
            anomalies=findings.anomalies,
            forecasts=findings.forecasts,
            skills=findings.skills,
            budgets=findings.budgets,
            costs={
                one.channel: float(one.usd_per_request)
                for one in findings.costs
                if one.usd_per_request is not None
            },
            stage=stage,
            is_halted=is_halted,
        )

    def _objectives(self) -> dict[ChannelId, tuple[Metric, float]]:
        found: dict[ChannelId, tuple[Metric, float]] = {}
        for name, objective in self.objectives.items():
            route = self.configured.routes.get(name)
            for target in () if route is None else route.targets:
                known = found.get(target.channel)
                if known is None or objective.limit_s < known[1]:
                    found[target.channel] = (objective.metric, objective.limit_s)
        return found

    @property
    def limits(self) -> dict[ChannelId, int | None]:
        return {channel.id: channel.concurrency_max for channel in self.channels}
