"""Which playbooks fit what is seen: their triggers, asked one by one. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureFamily
from foreroute.core.findings import Forecast, Incident, IncidentState
from foreroute.core.ids import ChannelId
from foreroute.heal.playbooks import playbook as made
from foreroute.heal.playbooks.expression import holds
from foreroute.heal.playbooks.facts import facts_of
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.heal.playbooks.scene import Asked
from foreroute.heal.playbooks.sight import Sight
from foreroute.heal.scopes import ScopeKind, name_of, scopes
from foreroute.heal.tally import Tally, total, windows_of

_DAY_S: Final = 86_400.0
_WINDOW_S: Final = 900.0
_OWN_FAULT: Final = frozenset({FailureFamily.REQUEST_FAULT, FailureFamily.REQUEST_MISMATCH})
_Z80: Final = NormalDist().inv_cdf(0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A playbook that fits, and on what."""

    playbook: Playbook
    scope: str
    channels: tuple[ChannelId, ...]
    why: str
    incident: Incident | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What triggers need to know of before: when each incident was last treated, when it was last looked, and since
    when what has to last has lasted.
    """

    treated_at: Mapping[str, float]
    last_look_at: float | None
    held_since: Mapping[tuple[str, int, str], float]


Since = dict[tuple[str, int, str], float]


def hits(playbooks: Sequence[Playbook], sight: Sight, memory: Memory) -> tuple[list[Hit], Since]:
    """All that fit, in the order of the playbooks, and since when what has to last lasts."""
    found: dict[tuple[str, str], Hit] = {}
    since: Since = {}
    for playbook in playbooks:
        for place, trigger in enumerate(playbook.triggers):
            for hit, hold_s in _fits(playbook, trigger, sight, memory):
                key = (playbook.name, place, hit.scope)
                since_at = memory.held_since.get(key, sight.at)
                if hold_s > 0.0:
                    since[key] = since_at
                if sight.at - since_at >= hold_s:
                    found.setdefault((playbook.name, hit.scope), hit)
    return list(found.values()), since


def _fits(
    playbook: Playbook, trigger: made.Trigger, sight: Sight, memory: Memory
) -> Iterator[tuple[Hit, float]]:
    """Hits with how long they must have lasted."""
    match trigger:
        case made.FailureTrigger():
            yield from ((hit, 0.0) for hit in _failures(playbook, trigger, sight, memory))
        case made.AnomalyTrigger():
            yield from ((hit, 0.0) for hit in _anomalies(playbook, trigger, sight))
        case made.ForecastTrigger():
            yield from ((hit, 0.0) for hit in _forecasts(playbook, trigger, sight))
        case made.ThresholdTrigger():
            yield from ((hit, trigger.hold_s) for hit in _thresholds(playbook, trigger, sight))
        case made.ScheduleTrigger():
            yield from ((hit, 0.0) for hit in _due(playbook, trigger, sight, memory))
        case made.ManualTrigger():
            return


# Failures ---------------------------------------------------------------------------------------------------------


def _failures(
    playbook: Playbook, trigger: made.FailureTrigger, sight: Sight, memory: Memory
) -> Iterator[Hit]:
    for incident in sight.incidents:
        if incident.state is IncidentState.CLOSED or incident.root_cause not in trigger.classes:
            continue
        if incident.probability < trigger.probability:
            continue
        since_at = max(sight.at - trigger.window_s, memory.treated_at.get(incident.id, -math.inf))
        seen = _seen(sight, incident.channel, since_at)
        why = _enough(trigger, incident.root_cause, seen)
        if why:
            yield _hit(playbook, trigger.scope, incident.channel, sight, why, incident)
    yield from _mismatches(playbook, trigger, sight, memory)


def _mismatches(
    playbook: Playbook, trigger: made.FailureTrigger, sight: Sight, memory: Memory
) -> Iterator[Hit]:
    """Classes that say nothing against a channel open no incident; they are counted as they are."""
    classes = {kind for kind in trigger.classes if FAILURE_ADVICE[kind].family in _OWN_FAULT}
    if not classes:
        return
    for channel in sight.channels:
        scope = name_of(trigger.scope, channel)
        since_at = max(
            sight.at - trigger.window_s, memory.treated_at.get(f"{playbook.name} {scope}", -math.inf)
        )
        recent = [one for one in sight.recent((channel.id,)) if one.window_start >= since_at]
        bad = sum(one.failures.get(kind, 0) for one in recent for kind in classes)
        attempts = sum(one.attempts for one in recent)
        enough = bad >= (trigger.count or 1) and attempts >= trigger.min_requests
        if enough and (trigger.ratio is None or bad >= trigger.ratio * attempts):
            why = f"{bad} of {attempts} requests did not fit ({', '.join(sorted(classes))})"
            yield _hit(playbook, trigger.scope, channel.id, sight, why)


def _seen(sight: Sight, channel: ChannelId, since_at: float) -> Tally:
    windows = windows_of(sight.recent((channel,)))
    return total([window for window in windows if window.start_at >= since_at])


def _enough(trigger: made.FailureTrigger, cause: FailureClass, seen: Tally) -> str:
    asked, bad = seen.asked(cause), seen.bad(cause)
    if bad == 0 or asked < trigger.min_requests:
        return ""
    if trigger.count is not None and bad < trigger.count:
        return ""
    if trigger.ratio is not None and seen.bad_ratio(cause) < trigger.ratio:
        return ""
    return f"{cause}: {bad} of {asked} attempts in {trigger.window_s:.0f} s"


def _hit(
    playbook: Playbook,
    kind: ScopeKind,
    channel: ChannelId,
    sight: Sight,
    why: str,
    incident: Incident | None = None,
) -> Hit:
    known = sight.channel(channel)
    scope = f"channel:{channel}" if known is None else name_of(kind, known)
    members = sight.members(scope) or (channel,)
    return Hit(playbook=playbook, scope=scope, channels=members, why=why, incident=incident)


# What is strange, and what is expected -----------------------------------------------------------------------------


def _anomalies(playbook: Playbook, trigger: made.AnomalyTrigger, sight: Sight) -> Iterator[Hit]:
    for one in sight.anomalies:
        since_at = one.at if one.since_at is None else one.since_at
        fits = (
            one.metric is trigger.metric
            and one.kind in trigger.kinds
            and trigger.direction in (None, one.direction)
            and one.score >= trigger.score * one.threshold
            and sight.at - since_at >= trigger.hold_s
        )
        if fits:
            why = f"{one.metric} is {one.value:.3g} where {one.expected:.3g} is usual ({one.kind}, {one.detector})"
            yield _hit(playbook, trigger.scope, one.channel, sight, why)


def _forecasts(playbook: Playbook, trigger: made.ForecastTrigger, sight: Sight) -> Iterator[Hit]:
    voted = {(one.channel, one.metric) for one in sight.skills if one.has_vote}
    for channel, metric in sight.forecasts:  # not by items: each forecast is made when it is asked for
        if metric is not trigger.metric or (channel, metric) not in voted:
            continue
        limit = trigger.above
        if limit is None:
            objective = sight.objectives.get(channel)
            limit = objective[1] if objective is not None and objective[0] is metric else None
        if limit is None:
            continue
        forecast = sight.forecasts[channel, metric]
        probability = probability_above(forecast, trigger.horizon_s, limit)
        if probability is not None and probability >= trigger.probability:
            why = (
                f"{metric} above {limit:g} within {trigger.horizon_s / 60:.0f} min: "
                f"{probability:.0%} sure ({forecast.model})"
            )
            yield _hit(playbook, trigger.scope, channel, sight, why)


def probability_above(forecast: Forecast, horizon_s: float, limit: float) -> float | None:
    """How likely the mean over the horizon is above a limit, by a normal distribution through the interval; None where
    the forecast says nothing.
    """
    window = forecast.over(horizon_s)
    if window is not None:
        mean, lower, upper, z = window.value, window.lower80, window.upper80, _Z80
    elif forecast.mean:
        point = forecast.at_horizon(horizon_s)
        mean, lower, upper = point.mean, point.lower, point.upper
        if not 0.0 < forecast.coverage < 1.0:
            return None
        z = NormalDist().inv_cdf(0.5 + forecast.coverage / 2.0)
    else:
        return None
    spread = (upper - lower) / (2.0 * z)
    if not all(map(math.isfinite, (mean, spread))):
        return None
    if spread <= 0.0:
        return float(mean > limit)
    return 1.0 - NormalDist(mean, spread).cdf(limit)


# Conditions and times -----------------------------------------------------------------------------------------------


def _thresholds(playbook: Playbook, trigger: made.ThresholdTrigger, sight: Sight) -> Iterator[Hit]:
    for scope, members in scopes(trigger.scope, sight.channels):
        facts = facts_of(sight, Asked(channels=members, window_s=min(trigger.window_s, _WINDOW_S)))
        if holds(trigger.condition, facts):
            why = f"{trigger.condition.text}"
            yield Hit(playbook=playbook, scope=scope, channels=members, why=why)


def _due(playbook: Playbook, trigger: made.ScheduleTrigger, sight: Sight, memory: Memory) -> Iterator[Hit]:
    """When its time came since the last look. A time that came while nobody looked is not made up for."""
    last = memory.last_look_at
    due_at = _last_time(trigger, sight.at)
    if last is None or due_at is None or not last < due_at <= sight.at:
        return
    for scope, members in scopes(trigger.scope, sight.channels):
        yield Hit(playbook=playbook, scope=scope, channels=members, why="its time has come")


def _last_time(trigger: made.ScheduleTrigger, at: float) -> float | None:
    """The newest time of the schedule up to an instant."""
    if trigger.every_s is not None:
        return at // trigger.every_s * trigger.every_s
    if trigger.at_s is None:
        return None
    midnight = at // _DAY_S * _DAY_S
    for day in range(8):
        due_at = midnight - day * _DAY_S + trigger.at_s
        if due_at <= at and weekday(due_at) in trigger.days:
            return due_at
    return None


def weekday(at: float) -> int:
    """Of an instant, UTC; Monday is 0. The epoch began on a Thursday."""
    return (int(at // _DAY_S) + 3) % 7


def is_frozen(frozen: Sequence[made.Frozen], at: float) -> bool:
    for one in frozen:
        for back in (0.0, _DAY_S):
            begins_at = (at - back) // _DAY_S * _DAY_S + one.begins_s
            if begins_at <= at < begins_at + one.lasts_s and weekday(begins_at) in one.days:
                return True
    return False
