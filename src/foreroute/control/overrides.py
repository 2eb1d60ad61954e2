"""Changes of routes that stay until somebody takes them back: what a promoted arm does."""

from collections.abc import Mapping
from dataclasses import replace

from foreroute.control.controls import Steering
from foreroute.core.decision import Decision, Reason, ReasonCode, ShareChange
from foreroute.core.experiment import Override, overridden
from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.plan import Route, RoutingPlan
from foreroute.decide.explain import shares_of


def in_force(steering: Steering, configured: RoutingPlan) -> Mapping[RouteName, Route]:
    """The configured routes with what was promoted on them. Under the kill switch, those of the file alone."""
    if steering.kill_switch or not steering.overrides:
        return configured.routes
    return overridden(configured.routes, tuple(steering.overrides.values()))


def impose(
    steering: Steering, configured: RoutingPlan, current: RoutingPlan, override: Override, *, at: float
) -> Decision:
    """Puts a change in force, to be taken back by an undo or by `withdraw`."""
    name = DecisionId(f"p{at:.3f}/{override.name}")
    steering.overrides[name] = override
    decision = _decision(
        steering, configured, current, override, at=at, name=name, why=f"promoted {override.name}"
    )
    steering.remember(current, decision)
    return decision


def withdraw(
    steering: Steering, configured: RoutingPlan, current: RoutingPlan, name: str, *, at: float
) -> Decision | None:
    """Takes back what was promoted under this name; None if nothing is in force."""
    found = [(key, one) for key, one in steering.overrides.items() if one.name == name]
    if not found:
        return None
    key, override = found[-1]
    del steering.overrides[key]
    steering.applied[:] = [pair for pair in steering.applied if pair[1].id != key]
    return _decision(
        steering,
        configured,
        current,
        override,
        at=at,
        name=DecisionId(f"w{at:.3f}"),
        why=f"took back {override.name}",
    )


def with_overrides(steering: Steering, configured: RoutingPlan, plan: RoutingPlan) -> RoutingPlan:
    """The plan with the promoted routes as they are in force: after a restart, and when the kill switch lets go."""
    routes = in_force(steering, configured)
    names = {name for one in steering.overrides.values() for name in one.routes}
    return replace(
        plan, routes={**plan.routes, **{name: routes[name] for name in sorted(names) if name in routes}}
    )


def _decision(
    steering: Steering,
    configured: RoutingPlan,
    current: RoutingPlan,
    override: Override,
    *,
    at: float,
    name: DecisionId,
    why: str,
) -> Decision:
    routes = in_force(steering, configured)
    changed = {name: routes[name] for name in override.routes if name in routes}
    plan = replace(current, version=current.version + 1, made_at=at, routes={**current.routes, **changed})
    return Decision(
        id=name,
        at=at,
        plan=plan,
        applied=True,
        changes=tuple(
            change
            for route in changed.values()
            for change in _changes(current.routes.get(route.name, route), route, why)
        ),
        reasons=(Reason(None, ReasonCode.MANUAL, why),),
    )


def _changes(before: Route, after: Route, why: str) -> list[ShareChange]:
    """Of the channels that are asked first: those that stand in behind them have no share of what goes well."""
    was, share = _leading(before), _leading(after)
    return [
        ShareChange(
            route=after.name,
            channel=channel,
            before=was.get(channel, 0.0),
            after=share.get(channel, 0.0),
            reason=Reason(channel, ReasonCode.MANUAL, why),
        )
        for channel in {**was, **share}
        if abs(was.get(channel, 0.0) - share.get(channel, 0.0)) > 1e-9
    ]


def _leading(route: Route) -> dict[ChannelId, float]:
    weighted = [target for target in route.targets if target.weight > 0.0]
    first = min((target.priority for target in weighted), default=0)
    return shares_of(replace(route, targets=tuple(t for t in weighted if t.priority == first)))
