"""What an experiment changes and for whom: the part of the plan by which the gateway assigns requests to arms."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final, NewType

from foreroute.core.attempt import PickReason
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.routes import CallPolicy, Route, Select, Target, Timeouts

RunId = NewType("RunId", str)
"""One run of an experiment: `<experiment>.<number>`. Each run draws anew."""
PLACES: Final = 10_000
"""Into so many equal parts the units of a layer are hashed."""
SHADOW_NUMBER: Final = 1001
"""Attempts that copy a request are numbered from here on: no request has as many of its own."""


class ExperimentKind(StrEnum):
    AB = "ab"
    """Each unit has one arm for as long as the experiment runs."""
    SHADOW = "shadow"
    """Requests are answered as ever; a copy goes to another channel, and its answer is discarded."""
    SWITCHBACK = "switchback"
    """All requests have the same arm for a slot of time: for arms that would interfere with each other."""


class Unit(StrEnum):
    """What is assigned to an arm and stays there."""

    REQUEST = "request"
    KEY = "key"
    """The key that the caller presented."""
    USER = "user"
    """`x-foreroute-user`, or the body's `user`, `safety_identifier` or `metadata.user_id`."""
    SESSION = "session"
    """`x-foreroute-session`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutChange:
    """Seconds; None leaves a limit as it is."""

    connect_s: float | None = None
    first_chunk_s: float | None = None
    stall_s: float | None = None
    total_s: float | None = None

    def on(self, timeouts: Timeouts) -> Timeouts:
        return Timeouts(
            connect_s=timeouts.connect_s if self.connect_s is None else self.connect_s,
            first_chunk_s=timeouts.first_chunk_s if self.first_chunk_s is None else self.first_chunk_s,
            stall_s=timeouts.stall_s if self.stall_s is None else self.stall_s,
            total_s=timeouts.total_s if self.total_s is None else self.total_s,
        )


NO_TIMEOUT_CHANGE: Final = TimeoutChange()


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What an arm does otherwise. Nothing at all: the arm is as things are."""

    route: RouteName | None = None
    """Serve as this route does."""
    targets: tuple[Target, ...] = ()
    """Ask these channels first, by these weights; the route's other channels stand in when they fail."""
    timeouts: TimeoutChange = NO_TIMEOUT_CHANGE
    hedge_after_s: float | None = None
    attempts_max: int | None = None
    sticky: bool | None = None
    select: Select | None = None


AS_IS: Final = Treatment()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArm:
    """`share` is the part of the experiment's units that it gets; those of all arms sum to 1."""

    name: str
    share: float
    treatment: Treatment = AS_IS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedExperiment:
    """A running experiment as the gateway needs to know it. The first arm is the control."""

    run: RunId
    kind: ExperimentKind
    layer: str
    slices: tuple[tuple[int, int], ...]
    """Its places of the layer, as [start, end) of `PLACES`. Those of two experiments of a layer do not overlap."""
    arms: tuple[PlannedArm, ...]
    unit: Unit = Unit.REQUEST
    begins_at: float = 0.0
    """Before that, units are marked and nothing is changed for them."""
    ends_at: float = float("inf")
    slot_s: float = 0.0
    """Of switchbacks: how long each slot is."""
    budget_usd: Decimal = Decimal(0)
    """Of shadows: what all copies together may cost."""
    spent_usd: Decimal = Decimal(0)
    """What they had cost when the plan was made."""
    parallel_max: int = 4
    """Of shadows: so many copies may be under way at a time."""


Planned = Mapping[RouteName, tuple[PlannedExperiment, ...]]
"""The experiments of each route, one per layer and place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A change that stays: what a promoted arm does, for all requests of its routes."""

    name: str
    routes: tuple[RouteName, ...]
    treatment: Treatment
    policies: Mapping[ChannelId, CallPolicy] = field(default_factory=dict)


def treated(route: Route, treatment: Treatment, routes: Mapping[RouteName, Route]) -> Route:
    """The route as an arm serves it, under its own name. An arm that changes nothing gives the route itself."""
    if treatment == AS_IS:
        return route
    base = route if treatment.route is None else routes.get(treatment.route, route)
    targets = _first(base.targets, treatment.targets) if treatment.targets else base.targets
    changes = treatment.timeouts, treatment.hedge_after_s
    if changes != (NO_TIMEOUT_CHANGE, None):
        targets = tuple(replace(one, policy=_policy(one.policy, treatment)) for one in targets)
    return replace(
        base,
        name=route.name,
        targets=targets,
        # Whatever has moved the plan's shares, it has not moved these.
        reason=PickReason.CONFIGURED if treatment.targets else base.reason,
        attempts_max=base.attempts_max if treatment.attempts_max is None else treatment.attempts_max,
        sticky=base.sticky if treatment.sticky is None else treatment.sticky,
        select=base.select if treatment.select is None else treatment.select,
    )


def overridden(
    routes: Mapping[RouteName, Route], overrides: tuple[Override, ...]
) -> Mapping[RouteName, Route]:
    """The routes with every override on them, in the order in which they were made."""
    changed = dict(routes)
    for override in overrides:
        before = dict(changed)
        for name in override.routes:
            if name in before:
                changed[name] = treated(before[name], override.treatment, before)
    return changed


def _first(targets: tuple[Target, ...], wanted: tuple[Target, ...]) -> tuple[Target, ...]:
    """The wanted ones, as the route calls them if it does, and the others behind them."""
    known = {one.channel: one for one in targets}
    total = sum(one.weight for one in wanted) or 1.0
    ahead = [replace(known.get(one.channel, one), weight=one.weight / total, priority=0) for one in wanted]
    named = {one.channel for one in wanted}
    rest = [one for one in targets if one.channel not in named]
    sums: dict[int, float] = {}
    for one in rest:
        sums[one.priority] = sums.get(one.priority, 0.0) + one.weight
    behind = [
        replace(one, weight=one.weight / (sums[one.priority] or 1.0), priority=one.priority + 1)
        for one in rest
    ]
    return (*ahead, *behind)


def _policy(policy: CallPolicy, treatment: Treatment) -> CallPolicy:
    hedge_s = policy.hedge_after_s if treatment.hedge_after_s is None else treatment.hedge_after_s
    return replace(policy, timeouts=treatment.timeouts.on(policy.timeouts), hedge_after_s=hedge_s)
