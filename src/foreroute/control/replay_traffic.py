"""Logged requests as samples for other shares: what each met, how likely its channel was, and what the candidate wished."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from foreroute.control.offpolicy import Sample
from foreroute.control.replay import Course, Step
from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.core.plan import Objective, Route
from foreroute.core.series import FIRST_CHUNK_METRICS

COST, FAILED, DELAY, LATE = "cost_usd", "failed_ratio", "delay_s", "bad_ratio"
MEASURES: Final = (COST, FAILED, DELAY, LATE)
"""Per request: what all its attempts cost; whether none succeeded; seconds until the first chunk, or the end, of the
answer; whether it failed or was later than the objective."""
_NOT_ASKED: Final = frozenset({PickReason.PROBE})
_FREE: Final = "free"


@dataclass(slots=True)
class _Request:
    first: Attempt | None = None
    cost_usd: float = 0.0
    unpriced: bool = False
    answered: Attempt | None = None
    outcome: Outcome = Outcome.IGNORED


@dataclass(slots=True, kw_only=True)
class Traffic:
    """Gathers attempts, in any order, into requests."""

    course: Course
    objectives: Mapping[RouteName, Objective]
    _requests: dict[RequestId, _Request] = field(default_factory=dict)

    def take(self, entries: Iterable[LedgerEntry]) -> None:
        for entry in entries:
            attempt = entry.attempt
            if attempt.reason in _NOT_ASKED:
                continue
            request = self._requests.setdefault(attempt.request_id, _Request())
            if attempt.number == 1:
                request.first = attempt
            request.unpriced |= entry.cost_usd is None and attempt.outcome is Outcome.SUCCESS
            request.cost_usd += float(entry.cost_usd or 0)
            if attempt.outcome is Outcome.SUCCESS:
                request.answered = attempt
            if attempt.outcome is not Outcome.IGNORED:
                request.outcome = attempt.outcome

    def samples(self) -> "dict[RouteName, Gathered]":
        """By the route that was asked for; requests that the client left before an answer say nothing."""
        times = [step.at for step in self.course.steps]
        found: dict[RouteName, Gathered] = {}
        for request in self._requests.values():
            first = request.first
            if first is None or request.outcome is Outcome.IGNORED:
                continue
            index = bisect_right(times, first.started_at) - 1
            if index < 0:
                continue
            gathered = found.setdefault(first.route, Gathered())
            sample = _sample(request, first, self.course.steps[index], self.objectives.get(first.route))
            if sample is None:
                gathered.without_chance += 1
            else:
                gathered.samples.append(sample)
        return found


@dataclass(slots=True)
class Gathered:
    samples: list[Sample] = field(default_factory=list)
    without_chance: int = 0
    """Requests whose channel was not drawn by chance (sticky prompts, last resorts) or is on record without its
    probability: nothing can be said of them."""


def _sample(request: _Request, first: Attempt, step: Step, objective: Objective | None) -> Sample | None:
    if not first.propensity:
        return None
    served, wished = step.logged.get(first.route), step.candidate.get(first.route)
    if served is None or wished is None:
        return None
    wishes = shares_among(wished, first)
    if not wishes:
        return None
    return Sample(
        at=first.started_at,
        channel=first.channel,
        propensity=first.propensity,
        served=shares_among(served, first),
        wished=wishes,
        size=_size(first),
        values=_values(request, first, objective),
    )


def shares_among(route: Route, attempt: Attempt) -> dict[ChannelId, float]:
    """The plan's shares among the channels that could be asked at that moment, best priority first; they sum to 1."""
    out = {one.channel for one in attempt.candidates if one.standing != _FREE}
    for priority in sorted({target.priority for target in route.targets}):
        able = {
            target.channel: target.weight
            for target in route.targets
            if target.priority == priority and target.weight > 0 and target.channel not in out
        }
        if able:
            total = sum(able.values())
            return {channel: weight / total for channel, weight in able.items()}
    return {}


def _size(attempt: Attempt) -> int:
    usage = attempt.usage
    tokens = attempt.asked.input_tokens or usage.input_tokens + usage.cached_input_tokens
    return int(math.log2(tokens + 1)) // 2


def _values(request: _Request, first: Attempt, objective: Objective | None) -> dict[str, float]:
    answered = request.answered
    values = {FAILED: float(answered is None)}
    if not request.unpriced:
        values[COST] = request.cost_usd
    if answered is None:
        return values | ({} if objective is None else {LATE: 1.0})
    first_chunk = objective is not None and objective.metric in FIRST_CHUNK_METRICS
    after_s = answered.time_to_first_chunk_s if first_chunk else answered.duration_s
    if after_s is None or (first_chunk and not answered.stream):
        return values
    delay_s = answered.started_at - first.started_at + after_s
    values[DELAY] = delay_s
    return values if objective is None else values | {LATE: float(delay_s > objective.limit_s)}
