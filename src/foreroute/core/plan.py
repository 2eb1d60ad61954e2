"""The contract of the two planes: what the control loop tells the gateway, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from foreroute.core.experiment import Planned
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.limits import ChannelLimits
from foreroute.core.patterns import Refusals
from foreroute.core.routes import BreakerPolicy, CallPolicy, Route, Select, Target, Timeouts
from foreroute.core.series import Metric
from foreroute.core.work import Expectation

__all__ = [
    "BreakerPolicy",
    "CallPolicy",
    "Objective",
    "Route",
    "RoutingPlan",
    "Select",
    "Target",
    "Timeouts",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A route's latency objective: `metric` of each minute shall stay under `limit_s` seconds."""

    metric: Metric
    limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingPlan:
    """All routes at one version. After `valid_until` the gateway falls back to the configured weights."""

    version: int
    made_at: float
    valid_until: float
    routes: Mapping[RouteName, Route]
    expectations: Mapping[ChannelId, Expectation] = field(default_factory=dict)
    """How long requests are expected to take, for those who wish to know before they choose."""
    experiments: Planned = field(default_factory=dict)
    """Who is served otherwise, to see whether it is better."""
    refusals: Mapping[ChannelId, Refusals] = field(default_factory=dict)
    """What channels have shown that they cannot do: such requests go elsewhere at once."""
    limits: Mapping[ChannelId, ChannelLimits] = field(default_factory=dict)
    """Timeouts and other limits as they were tuned, in the place of the configured ones."""
