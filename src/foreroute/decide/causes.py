"""What is wrong with each channel of a route, or is going to be: the reasons that bound its share.

Two kinds stand beside each other, and the lower bound holds: what a playbook grants, which ends when the playbook
says so, and trouble: failures seen, slowness seen, or slowness forecast, the first of them that is there. Observed
trouble is the reactive policy; it works the same when no forecast has a vote. Trouble outlives itself by the dwell
time, so that a share does not swing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from foreroute.core.decision import Cause, ReasonCode
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.plan import Objective, Route
from foreroute.decide.breach import breach_probability
from foreroute.decide.guardrails import Guardrails
from foreroute.decide.snapshot import UNKNOWN_STATE, ChannelState, Outlook, Snapshot

_DRAIN, _RELIEVE = 0.1, 0.4
"""Shares of the configured weight: nearly all away, and more than half away."""


def causes_of(snapshot: Snapshot, route: Route, rails: Guardrails) -> tuple[Cause, ...]:
    """The standing causes of a route after this tick: new, kept, and clearing ones; at most two for each channel."""
    standing = [cause for cause in snapshot.causes if cause.route == route.name]
    remedies = {cause.channel: cause for cause in standing if cause.code is ReasonCode.REMEDY}
    troubles = {cause.channel: cause for cause in standing if cause.code is not ReasonCode.REMEDY}
    found = []
    for target in route.targets:
        channel = target.channel
        found += [
            _remedy(snapshot, route.name, channel, remedies.get(channel)),
            _trouble(snapshot, route.name, channel, troubles.get(channel), rails),
        ]
    return tuple(cause for cause in found if cause is not None)


def binding(causes: Iterable[Cause]) -> dict[ChannelId, Cause]:
    """Of each channel the one cause that holds its share lowest; of two alike the playbook's."""
    return {
        cause.channel: cause
        for cause in sorted(causes, key=lambda cause: (-cause.bound, cause.code is ReasonCode.REMEDY))
    }


def _remedy(snapshot: Snapshot, route: RouteName, channel: ChannelId, before: Cause | None) -> Cause | None:
    state = snapshot.channels.get(channel, UNKNOWN_STATE)
    active = [remedy for remedy in state.remedies if remedy.until > snapshot.at]
    if not active:
        return None
    lowest = min(active, key=lambda remedy: remedy.weight_max_ratio)
    bound = lowest.weight_max_ratio
    return Cause(
        route=route,
        channel=channel,
        code=ReasonCode.REMEDY,
        since_at=snapshot.at if before is None else before.since_at,
        bound=bound,
        detail=f"playbook {lowest.playbook} holds it at {bound:.0%} of its weight",
    )


def _trouble(
    snapshot: Snapshot, route: RouteName, channel: ChannelId, before: Cause | None, rails: Guardrails
) -> Cause | None:
    if snapshot.suppressed_until.get(channel, 0.0) > snapshot.at:
        return None
    fresh = _worst(snapshot, route, channel, rails)
    if before is None:
        return fresh
    if fresh is not None:
        return _merge(before, fresh)
    if not _is_clear(before, snapshot, rails):
        return replace(before, clear_since_at=None)
    clear_since = snapshot.at if before.clear_since_at is None else before.clear_since_at
    return None if snapshot.at - clear_since >= rails.dwell_s else replace(before, clear_since_at=clear_since)


def _merge(before: Cause, fresh: Cause) -> Cause:
    """Trouble that goes on keeps its first name and its start; it may only get worse while it lasts."""
    return replace(before, bound=min(before.bound, fresh.bound), detail=fresh.detail, clear_since_at=None)


def _is_clear(before: Cause, snapshot: Snapshot, rails: Guardrails) -> bool:
    """No trouble now is not enough: the forecast must also be well below the limit (hysteresis)."""
    outlook = snapshot.channels.get(before.channel, UNKNOWN_STATE).outlook
    objective = snapshot.objectives.get(before.route)
    if objective is None or outlook is None or not outlook.has_vote:
        return True
    return breach_probability(outlook, objective.limit_s) < rails.breach_probability_clear


def _worst(snapshot: Snapshot, route: RouteName, channel: ChannelId, rails: Guardrails) -> Cause | None:
    state = snapshot.channels.get(channel, UNKNOWN_STATE)
    objective = snapshot.objectives.get(route)
    for code, bound, detail in _troubles(state, objective, _rails_of(state, rails)):
        return Cause(
            route=route, channel=channel, code=code, since_at=snapshot.at, bound=bound, detail=detail
        )
    return None


def is_young(state: ChannelState, rails: Guardrails) -> bool:
    return state.measured is not None and state.measured < rails.young_measured_min


def held_back(
    snapshot: Snapshot, route: RouteName, channel: ChannelId, rails: Guardrails
) -> tuple[ReasonCode, str] | None:
    """What would move a channel that were not young; None where that makes no difference."""
    state = snapshot.channels.get(channel, UNKNOWN_STATE)
    if not is_young(state, rails):
        return None
    objective = snapshot.objectives.get(route)
    grown, young = (
        next(_troubles(state, objective, used), None) for used in (rails, _rails_of(state, rails))
    )
    return None if grown is None or young is not None else (grown[0], grown[2])


def _rails_of(state: ChannelState, rails: Guardrails) -> Guardrails:
    """Stricter ones for a young channel: a few minutes prove little."""
    if not is_young(state, rails):
        return rails
    return replace(
        rails,
        samples_min=max(rails.samples_min, rails.young_samples_min),
        breach_probability_min=max(rails.breach_probability_min, rails.young_breach_probability_min),
    )


def _troubles(
    state: ChannelState, objective: Objective | None, rails: Guardrails
) -> Iterator[tuple[ReasonCode, float, str]]:
    if state.judged >= rails.samples_min and (state.failure_ratio or 0.0) > rails.failure_ratio_max:
        yield (
            ReasonCode.FAILING,
            _DRAIN,
            f"{state.failure_ratio:.0%} of {state.judged} attempts failed (limit {rails.failure_ratio_max:.0%})",
        )
    if objective is not None:
        yield from _slowness(state, objective, rails)


def _slowness(
    state: ChannelState, objective: Objective, rails: Guardrails
) -> Iterator[tuple[ReasonCode, float, str]]:
    limit = objective.limit_s
    if state.now_s is not None and state.judged >= rails.samples_min and state.now_s > limit:
        yield ReasonCode.SLOW, _DRAIN, f"{_ms(state.now_s)} now, over the limit of {_ms(limit)}"
    outlook = state.outlook
    if outlook is not None and outlook.has_vote:
        probability = breach_probability(outlook, limit)
        if probability >= rails.breach_probability_min:
            sure = probability >= (1.0 + rails.breach_probability_min) / 2.0
            bound = _DRAIN if sure and not is_young(state, rails) else _RELIEVE
            yield ReasonCode.FORECAST, bound, _forecast_detail(outlook, limit, probability, state.now_s)


def _forecast_detail(outlook: Outlook, limit: float, probability: float, now_s: float | None) -> str:
    now = f"{_ms(now_s)} now, " if now_s is not None else ""
    return (
        f"{now}{_ms(outlook.mean_s)} expected in {outlook.horizon_s / 60:.0f} min "
        f"({_ms(outlook.lower_s)} to {_ms(outlook.upper_s)}), limit {_ms(limit)}, "
        f"{probability:.0%} sure to miss it"
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
