"""What playbooks bound in the plan beside shares: how many requests at a time, how long they may take, how often they
are tried. Never outside the rails, whatever a run asks for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from foreroute.core.ids import ChannelId
from foreroute.core.limits import ChannelLimits, Parameter
from foreroute.core.plan import CallPolicy, Route, RoutingPlan, Target, Timeouts
from foreroute.core.playbook_run import Hold, HoldKind

TIMEOUT_FACTOR_MIN: Final = 0.5
TIMEOUT_FACTOR_MAX: Final = 2.0
_FIELDS: Final = {
    HoldKind.FIRST_CHUNK_TIMEOUT: "first_chunk_s",
    HoldKind.STALL_TIMEOUT: "stall_s",
    HoldKind.TOTAL_TIMEOUT: "total_s",
}
_PARAMETERS: Final = {
    HoldKind.CONCURRENCY: Parameter.CONCURRENCY,
    HoldKind.FIRST_CHUNK_TIMEOUT: Parameter.FIRST_CHUNK,
    HoldKind.STALL_TIMEOUT: Parameter.STALL,
    HoldKind.TOTAL_TIMEOUT: Parameter.TOTAL,
}


def bounded(
    plan: RoutingPlan, holds: Iterable[Hold], limits: Mapping[ChannelId, int | None], configured: RoutingPlan
) -> RoutingPlan:
    """The plan under these bounds. `limits`: each channel's own limit of requests at a time, where it is known."""
    by_channel: dict[ChannelId, list[Hold]] = {}
    for hold in holds:
        if hold.kind is not HoldKind.SHARE:
            by_channel.setdefault(hold.channel, []).append(hold)
    if not by_channel:
        return plan
    routes = {
        name: _route(route, by_channel, limits, configured.routes.get(name))
        for name, route in plan.routes.items()
    }
    tuned = {
        name: _tuned(one, by_channel[name], limits.get(name)) if name in by_channel else one
        for name, one in plan.limits.items()
    }
    return replace(plan, routes=routes, limits=tuned)


def _route(
    route: Route,
    by_channel: Mapping[ChannelId, list[Hold]],
    limits: Mapping[ChannelId, int | None],
    configured: Route | None,
) -> Route:
    rails = {} if configured is None else {one.channel: one.policy.timeouts for one in configured.targets}
    targets = tuple(
        _target(target, by_channel[target.channel], limits.get(target.channel), rails.get(target.channel))
        if target.channel in by_channel
        else target
        for target in route.targets
    )
    most = [
        int(hold.value)
        for target in route.targets
        for hold in by_channel.get(target.channel, ())
        if hold.kind is HoldKind.ATTEMPTS
    ]
    attempts = max(1, min([route.attempts_max, *most]))
    return replace(route, targets=targets, attempts_max=attempts)


def _target(target: Target, holds: Iterable[Hold], limit: int | None, rails: Timeouts | None) -> Target:
    policy = target.policy
    for hold in holds:
        if hold.kind is HoldKind.CONCURRENCY:
            policy = _fewer(policy, hold.value, limit)
        elif hold.kind in _FIELDS:
            timeouts = _longer(policy.timeouts, _FIELDS[hold.kind], hold.value, rails or policy.timeouts)
            policy = replace(policy, timeouts=timeouts)
    return replace(target, policy=policy)


def _fewer(policy: CallPolicy, factor: float, limit: int | None) -> CallPolicy:
    """A factor of what is known; a limit that nobody knows cannot be halved. The channel's own limit is a rail."""
    known = [one for one in (policy.concurrency_max, limit) if one is not None]
    if not known:
        return policy
    wanted = max(1, int(min(known) * factor))
    return replace(policy, concurrency_max=wanted if limit is None else min(wanted, limit))


def _longer(timeouts: Timeouts, field: str, factor: float, rails: Timeouts) -> Timeouts:
    usual, now = float(getattr(rails, field)), float(getattr(timeouts, field))
    wanted = min(max(now * factor, usual * TIMEOUT_FACTOR_MIN), usual * TIMEOUT_FACTOR_MAX)
    change: dict[str, Any] = {field: wanted if field == "total_s" else min(wanted, timeouts.total_s)}
    return replace(timeouts, **change)


def _tuned(limits: ChannelLimits, holds: Iterable[Hold], limit: int | None) -> ChannelLimits:
    """What was tuned stands in the place of what is configured, so it is bounded as well; nothing is tried meanwhile."""
    settings = dict(limits.settings)
    for hold in holds:
        parameter = _PARAMETERS.get(hold.kind)
        setting = None if parameter is None else settings.get(parameter)
        if parameter is None or setting is None:
            continue
        if hold.kind is HoldKind.CONCURRENCY:
            wanted = max(1.0, float(int(setting.base * hold.value)))
            settings[parameter] = replace(
                setting, base=wanted if limit is None else min(wanted, float(limit))
            )
        else:
            factor = min(max(hold.value, TIMEOUT_FACTOR_MIN), TIMEOUT_FACTOR_MAX)
            settings[parameter] = replace(
                setting,
                base=setting.base * factor,
                per_token=setting.per_token * factor,
                most=setting.most * factor,
            )
    return replace(limits, settings=settings, canary=None)
