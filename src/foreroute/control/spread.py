"""Routes that prefer what is near: how much of their traffic goes farther, before near channels fall ill or overflow.

The decision says how each channel is to be relieved; between channels of one region that moves shares, between regions it
is this that does. While all is well and there is room, nothing is changed: the nearest serve, the others wait behind them.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from foreroute.control.observe import Observed
from foreroute.core.attempt import PickReason
from foreroute.core.channel import Channel
from foreroute.core.decision import Cause
from foreroute.core.findings import Forecast
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.core.series import Metric
from foreroute.decide.guardrails import Guardrails
from foreroute.regions.balance import Balance, BalanceSettings, Place, Site, Spill, balanced

_HORIZON_S = 900.0
_GROWTH_MAX = 1.5
"""More than half as much again within a quarter of an hour is not believed: room is money, or somebody's distance."""
_LITTLE = 1e-3
"""A share that is not worth a change."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the operator says about a channel of a route: its weight, and its priority before any distance."""

    weight: float
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadSettings:
    """`near`: of each route that prefers the nearest, its channels as the operator has set them."""

    home: RegionId
    delay_s: Mapping[RegionId, float]
    near: Mapping[RouteName, Mapping[ChannelId, Own]]
    channels: Mapping[ChannelId, Channel]
    balance: BalanceSettings = field(default_factory=BalanceSettings)
    rails: Guardrails = field(default_factory=Guardrails)
    """One tick moves no share farther than one decision may."""


@dataclass(slots=True)
class Spread:
    """Lives with the loop. `look` once a tick, `plan` for every plan that is published."""

    settings: SpreadSettings
    spills: dict[RouteName, tuple[Spill, ...]] = field(default_factory=dict)
    """Of the newest plan: for whom there was no room near by."""
    _seen: Mapping[ChannelId, Observed] = field(default_factory=dict)
    _forecasts: Mapping[tuple[ChannelId, Metric], Forecast] = field(default_factory=dict)
    _settled: dict[RouteName, dict[ChannelId, float]] = field(default_factory=dict)

    def look(
        self, seen: Mapping[ChannelId, Observed], forecasts: Mapping[tuple[ChannelId, Metric], Forecast]
    ) -> None:
        """What comes, and what is expected to."""
        self._seen, self._forecasts = seen, forecasts

    def plan(self, plan: RoutingPlan, causes: Sequence[Cause], *, step: bool) -> RoutingPlan:
        """The same with shares across regions where they are needed. `step`: a tick has passed since the last one."""
        if not self.settings.near:
            return plan
        routes = {
            name: self._spread(route, causes, step=step) if name in self.settings.near else route
            for name, route in plan.routes.items()
        }
        return replace(plan, routes=routes)

    def _spread(self, route: Route, causes: Sequence[Cause], *, step: bool) -> Route:
        own = self.settings.near[route.name]
        first = min(one.priority for one in own.values())
        targets = [one for one in route.targets if one.channel in own and own[one.channel].priority == first]
        found = self._balanced(route, targets, causes)
        self.spills[route.name] = found.spills
        wanted = dict(found.shares.get(self.settings.home, {}))
        if not wanted:
            return route
        nearest = _plain(targets)
        if step or route.name not in self._settled:
            before = self._settled.get(route.name) or nearest
            out = frozenset(cause.channel for cause in causes if cause.bound <= 0)
            self._settled[route.name] = _step(before, wanted, out, self.settings.rails.share_step_max)
        shares = self._settled[route.name]
        if _same(shares, nearest):
            return route
        return _with_shares(route, shares, frozenset(target.channel for target in targets))

    def _demand(self, channels: Sequence[ChannelId]) -> float:
        """Requests a minute: the larger of what comes now and what may come within a quarter of an hour, so that room is
        made before it is needed.

        What moves between the route's channels cancels out in the sum of their forecasts, but not in that of their upper
        bounds: those add up as independent errors do.
        """
        now, ahead, doubt = 0.0, 0.0, 0.0
        for channel in channels:
            comes = self._seen[channel].attempts_per_minute if channel in self._seen else 0.0
            forecast = self._forecasts.get((channel, Metric.ATTEMPTS))
            window = None if forecast is None else forecast.over(_HORIZON_S)
            now += comes
            ahead += comes if window is None or not math.isfinite(window.value) else window.value
            doubt += (
                0.0
                if window is None or not window.upper80 > window.value
                else (window.upper80 - window.value) ** 2
            )
        return max(now, min(ahead + math.sqrt(doubt), _GROWTH_MAX * now))

    def _balanced(self, route: Route, targets: Sequence[Target], causes: Sequence[Cause]) -> Balance:
        bounds = {
            cause.channel: cause.bound
            for cause in sorted(causes, key=lambda cause: -cause.bound)
            if cause.route == route.name
        }
        demand = self._demand([target.channel for target in route.targets])
        known = self.settings.channels
        places = [
            Place(
                channel=target.channel,
                region=known[target.channel].region,
                weight=self.settings.near[route.name][target.channel].weight,
                health=bounds.get(target.channel, 1.0),
                capacity_per_minute=_room(known[target.channel]),
            )
            for target in targets
            if target.channel in known
        ]
        site = Site(region=self.settings.home, demand_per_minute=demand, delay_s=self.settings.delay_s)
        return balanced([site], places, self.settings.balance)


def _room(channel: Channel) -> float | None:
    return None if channel.requests_per_minute_max is None else float(channel.requests_per_minute_max)


def _plain(targets: Sequence[Target]) -> dict[ChannelId, float]:
    """The shares of the first priority that has any, as the plan has them."""
    usable = [target for target in targets if target.weight > 0]
    first = min((target.priority for target in usable), default=0)
    nearest = [target for target in usable if target.priority == first]
    total = sum(target.weight for target in nearest)
    return {target.channel: target.weight / total for target in nearest} if total > 0 else {}


def _step(
    before: Mapping[ChannelId, float],
    wanted: Mapping[ChannelId, float],
    out: Collection[ChannelId],
    most: float,
) -> dict[ChannelId, float]:
    """On the straight line from one to the other, so that the sum stays one; who is out leaves at once."""
    channels = {*before, *wanted}
    start = {one: 0.0 if one in out else before.get(one, 0.0) for one in channels}
    missing = 1.0 - sum(start.values())
    start = {one: share + missing * wanted.get(one, 0.0) for one, share in start.items()}
    farthest = max(abs(wanted.get(one, 0.0) - share) for one, share in start.items())
    part = 1.0 if farthest <= most else most / farthest
    moved = {one: share + part * (wanted.get(one, 0.0) - share) for one, share in start.items()}
    return {one: share for one, share in moved.items() if share > _LITTLE}


def _same(one: Mapping[ChannelId, float], other: Mapping[ChannelId, float]) -> bool:
    return all(abs(one.get(name, 0.0) - other.get(name, 0.0)) < _LITTLE for name in {*one, *other})


def _with_shares(route: Route, shares: Mapping[ChannelId, float], own: frozenset[ChannelId]) -> Route:
    """Who has a share serves first; the others of the same rank stay behind them in their order."""
    first = min((target.priority for target in route.targets if target.channel in own), default=0)

    def placed(target: Target) -> Target:
        if target.channel in shares:
            return replace(target, weight=shares[target.channel], priority=first)
        if target.channel in own and target.priority == first:
            return replace(target, weight=0.0)
        return target

    reason = PickReason.SPILLOVER if route.reason is PickReason.CONFIGURED else route.reason
    return replace(route, targets=_whole(map(placed, route.targets)), reason=reason)


def _whole(targets: Iterable[Target]) -> tuple[Target, ...]:
    """The same with the weights of each priority summing to one, where there are any."""
    given = tuple(targets)
    totals: dict[int, float] = {}
    for target in given:
        totals[target.priority] = totals.get(target.priority, 0.0) + target.weight
    return tuple(
        replace(target, weight=target.weight / totals[target.priority])
        if totals[target.priority] > 0
        else target
        for target in given
    )
