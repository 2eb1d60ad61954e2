"""The plan's tuned limits on the targets of a route: which requests try what, and what each is allowed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from foreroute.core.ids import ChannelId
from foreroute.core.limits import EVERYWHERE, TIMED, ChannelLimits, Parameter, Setting
from foreroute.core.plan import CallPolicy, Route, RoutingPlan, Target

_KEPT_MAX: Final = 512
_Key = tuple[int, bool, frozenset[ChannelId], frozenset[ChannelId]]


@dataclass(frozen=True, slots=True)
class Lot:
    """Where a request's hash falls, two uniform numbers in [0, 1): the same in every process, whatever is tuned."""

    canary: float
    leash: float


def lot_of(request_id: str) -> Lot:
    digest = hashlib.blake2b(request_id.encode("utf-8", "replace"), digest_size=8).digest()
    return Lot(int.from_bytes(digest[:4]) / 2.0**32, int.from_bytes(digest[4:]) / 2.0**32)


class Tuned:
    """Lives on the gateway's event loop. Remembers the routes that it has changed: the next request wants them."""

    def __init__(self) -> None:
        self._limits: Mapping[ChannelId, ChannelLimits] | None = None
        self._kept: dict[_Key, tuple[Route, Route]] = {}

    def route(self, route: Route, plan: RoutingPlan, request_id: str, *, timed: bool = True) -> Route:
        """The same route where nothing is tuned; without `timed`, with its own timeouts. A target whose policy is not the plan's keeps it: an experiment
        has changed it, and wants to know what that does.
        """
        limits = plan.limits
        if not limits:
            return route
        if limits is not self._limits or len(self._kept) >= _KEPT_MAX:
            self._limits, self._kept = limits, {}
        if not timed:
            limits = {name: _untimed(one) for name, one in limits.items()}
        lot = lot_of(request_id)
        trying = _trying(route, limits, lot)
        loose = frozenset(name for name, one in limits.items() if lot.leash < one.leash_ratio)
        key = id(route), timed, trying, loose
        kept = self._kept.get(key)
        if kept is not None and kept[0] is route:
            return kept[1]
        planned = plan.routes.get(route.name)
        policies = {} if planned is None else {target.channel: target.policy for target in planned.targets}

        def changed(target: Target) -> Target:
            name = target.channel
            if name not in limits or policies.get(name) != target.policy:
                return target
            policy = policy_of(target.policy, limits[name], tries=name in trying, loose=name in loose)
            return replace(target, policy=policy)

        made = replace(route, targets=tuple(map(changed, route.targets)))
        self._kept[key] = route, made
        return made


def _trying(route: Route, limits: Mapping[ChannelId, ChannelLimits], lot: Lot) -> frozenset[ChannelId]:
    """The channels whose trial this request is part of. Each channel of a route has requests of its own for that: who
    meets a bad trial once, and is sent elsewhere, does not meet another there.
    """
    return frozenset(
        target.channel
        for place, target in enumerate(route.targets)
        if (one := limits.get(target.channel)) is not None
        and one.canary is not None
        and (lot.canary - place * one.canary.ratio) % 1.0 < one.canary.ratio
    )


def retry_ratio(plan: RoutingPlan, configured: float) -> float:
    limits = plan.limits.get(EVERYWHERE)
    setting = None if limits is None else limits.settings.get(Parameter.RETRY_RATIO)
    return configured if setting is None else setting.base


def policy_of(
    policy: CallPolicy, limits: ChannelLimits, *, tries: bool = False, loose: bool = False
) -> CallPolicy:
    """The configured policy with what is tuned in its place."""
    settings = dict(limits.settings)
    canary = limits.canary if tries else None
    if canary is not None:
        settings[canary.parameter] = canary.setting
    changed = _with(policy, settings)
    return replace(
        changed, patience_s=limits.patience_s, canary="" if canary is None else canary.name, leash=loose
    )


def _untimed(limits: ChannelLimits) -> ChannelLimits:
    settings: dict[Parameter, Setting] = {
        name: one for name, one in limits.settings.items() if name not in TIMED
    }
    canary = limits.canary if limits.canary is not None and limits.canary.parameter not in TIMED else None
    return replace(limits, settings=settings, canary=canary, leash_ratio=0.0)


def _with(policy: CallPolicy, settings: Mapping[Parameter, Setting]) -> CallPolicy:
    timeouts, breaker = policy.timeouts, policy.breaker
    if (setting := settings.get(Parameter.CONNECT)) is not None:
        timeouts = replace(timeouts, connect_s=setting.base)
    if (setting := settings.get(Parameter.FIRST_CHUNK)) is not None:
        timeouts = replace(timeouts, first_chunk_s=setting.at(), first_chunk_by_tokens=setting)
    if (setting := settings.get(Parameter.STALL)) is not None:
        timeouts = replace(timeouts, stall_s=setting.base)
    if (setting := settings.get(Parameter.TOTAL)) is not None:
        timeouts = replace(timeouts, total_s=setting.at(), total_by_tokens=setting)
    if (setting := settings.get(Parameter.FAILURES_IN_ROW)) is not None:
        breaker = replace(breaker, consecutive_failures_max=max(1, round(setting.base)))
    if (setting := settings.get(Parameter.OUTLIER_RATIO)) is not None:
        breaker = replace(breaker, outlier_ratio_min=setting.base)
    concurrency, admission = settings.get(Parameter.CONCURRENCY), settings.get(Parameter.ADMISSION)
    return replace(
        policy,
        timeouts=timeouts,
        breaker=breaker,
        concurrency_max=policy.concurrency_max if concurrency is None else max(1, round(concurrency.base)),
        admission=policy.admission if admission is None else admission.base,
    )
