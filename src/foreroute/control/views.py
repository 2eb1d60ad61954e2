"""One row per channel for people: how it is, and what moved its share."""

from collections.abc import Mapping, Sequence

from foreroute.control.health import grade
from foreroute.control.observe import NOTHING_OBSERVED, Observed
from foreroute.control.state import ChannelView
from foreroute.core.channel import Channel
from foreroute.core.decision import Cause, Reason
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Objective, RoutingPlan
from foreroute.decide.causes import binding


def views_of(
    channels: Sequence[Channel],
    seen: Mapping[ChannelId, Observed],
    objectives: Mapping[RouteName, Objective],
    plan: RoutingPlan,
    causes: Sequence[Cause],
) -> dict[ChannelId, ChannelView]:
    why = binding(sorted(causes, key=lambda cause: cause.since_at))
    limits, out = limits_of(plan, objectives), _out_of(plan)
    return {
        channel.id: _view(
            seen.get(channel.id, NOTHING_OBSERVED),
            limits.get(channel.id),
            why.get(channel.id),
            out=channel.id in out,
        )
        for channel in channels
    }


def limits_of(plan: RoutingPlan, objectives: Mapping[RouteName, Objective]) -> dict[ChannelId, float]:
    """The strictest objective of each channel, over its routes, in seconds."""
    limits: dict[ChannelId, float] = {}
    for name, route in plan.routes.items():
        if (objective := objectives.get(name)) is not None:
            for target in route.targets:
                limits[target.channel] = min(objective.limit_s, limits.get(target.channel, objective.limit_s))
    return limits


def _view(seen: Observed, limit_s: float | None, cause: Cause | None, *, out: bool) -> ChannelView:
    return ChannelView(
        health=grade(failure_ratio=seen.failure_ratio, now_s=seen.now_s, limit_s=limit_s, out=out),
        now_s=seen.now_s,
        failure_ratio=seen.failure_ratio,
        attempts_per_minute=seen.attempts_per_minute,
        why=None if cause is None else Reason(cause.channel, cause.code, cause.detail),
        why_at=None if cause is None else cause.since_at,
    )


def _out_of(plan: RoutingPlan) -> set[ChannelId]:
    """The channels of the plan that have no share of any route."""
    targets = [target for route in plan.routes.values() for target in route.targets]
    return {one.channel for one in targets} - {one.channel for one in targets if one.weight}
