"""The words of conditions, and what each of them is on a scope at an instant. Pure: from a sight alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric, value_of
from foreroute.heal.durations import seconds
from foreroute.heal.playbooks.expression import Function, Kind, Value, Vocabulary
from foreroute.heal.playbooks.sight import Sight

N, B, T = Kind.NUMBER, Kind.FLAG, Kind.TEXT

MEANINGS: Final[Mapping[str, tuple[Kind, str]]] = {
    "requests": (N, "attempts on all channels of the scope's routes in the window"),
    "ok_rate": (N, "part of them that went well, throttles counted as bad: what users get"),
    "channel_requests": (N, "attempts on the scope's own channels in the window"),
    "channel_ok_rate": (N, "part of them that went well"),
    "error_rate": (N, "failed part of the scope's attempts, throttles and the caller's own faults left out"),
    "throttle_rate": (N, "throttled part of the scope's attempts"),
    "peer_requests": (N, "attempts on the other channels of its routes"),
    "peer_ok_rate": (N, "part of them that went well"),
    "peer_error_rate": (N, "failed part of them"),
    "p95": (N, "95th percentile of whole answers on its routes, seconds: the minutes' mean by requests"),
    "channel_p95": (N, "the same on the scope's own channels"),
    "peer_p95": (N, "the same on the others"),
    "ttft_p95": (N, "95th percentile of the time to the first chunk on its routes, seconds"),
    "baseline_p95": (N, "p95 in the quarter of an hour before the run, or before now"),
    "objective_limit": (N, "the strictest limit of the routes that it serves, seconds"),
    "objective_now": (N, "that objective's metric on its routes now, seconds"),
    "healthy_alternatives": (N, "other channels of its routes of which less than half fails"),
    "healthy_share": (N, "part of its routes' configured weight on channels of which less than half fails"),
    "scope_channels": (N, "how many channels the scope has"),
    "failing_share": (N, "part of the scope's channels with traffic of which more than half fails"),
    "traffic_share": (N, "part of its routes' attempts that the scope's channels have"),
    "cost_ratio": (N, "price of a request on the cheapest other channel over the scope's own"),
    "forecast_skill": (N, "the best skill of a model that has a vote on the scope, 0 without one"),
    "budget_ratio": (N, "the highest projected spend over its budget"),
    "run_number": (N, "which run it is in its incident, or on its scope of late"),
    "recurrences": (N, "how often this playbook has run on this scope within its lookback"),
    "probe_ok": (B, "whether the newest probe of this run went well; unknown without one"),
    "cause": (T, "the root cause of the incident; empty without one"),
    "provider": (T, "of the scope's first channel"),
    "cloud": (T, "of the scope's first channel"),
}


def _class_and_time(given: Sequence[Value | None]) -> str:
    if given[0] is not None and given[0] not in set(FailureClass):
        return f"there is no failure class {given[0]!r}; one of: {', '.join(FailureClass)}"
    try:
        for one in given[1:]:
            if one is not None:
                seconds(one)
    except ValueError as error:
        return str(error)
    return ""


VOCABULARY: Final = Vocabulary(
    names={name: kind for name, (kind, _) in MEANINGS.items()},
    functions={
        "count": Function((T, T), N, _class_and_time, least=1),
        "ratio": Function((T, T), N, _class_and_time, least=1),
        "min": Function((N, N, N, N), N, least=2),
        "max": Function((N, N, N, N), N, least=2),
    },
)
FUNCTIONS: Final = {
    "count(class, duration)": "attempts of the scope that failed with this class, of late or in the window",
    "ratio(class, duration)": "the same as a part of its attempts; 0 without failures of it",
    "min(a, b, …), max(a, b, …)": "of two to four numbers",
}
_BASELINE_S: Final = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known. `own`: the scope's windows, for what counts failures."""

    at: float = 0.0
    values: Mapping[str, Value | None] = field(default_factory=dict)
    own: Sequence[Rollup] = ()
    start_at: float = 0.0
    """Where the window begins that counts without a duration."""

    def value(self, name: str) -> Value | None:
        return self.values.get(name)

    def call(self, name: str, arguments: Sequence[Value]) -> Value | None:
        start_at = self.start_at if len(arguments) < 2 else self.at - _seconds(arguments[1])
        seen = [one for one in self.own if one.window_start >= start_at]
        kind = FailureClass(arguments[0]) if arguments[0] in set(FailureClass) else FailureClass.UNKNOWN
        bad = float(_bad(seen, kind))
        if name == "count":
            return bad
        attempts = _attempts(seen)
        return bad / attempts if attempts else None


def _seconds(value: Value) -> float:
    try:
        return seconds(value)
    except ValueError:
        return 0.0


def _bad(seen: Iterable[Rollup], kind: FailureClass) -> int:
    if kind is FailureClass.RATE_LIMITED:
        return sum(max(one.throttles, one.failures.get(kind, 0)) for one in seen)
    return sum(one.failures.get(kind, 0) for one in seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose facts, and of which time: the windows that began at or after `since_at`, and within `window_s` of now."""

    channels: tuple[ChannelId, ...]
    window_s: float = 120.0
    since_at: float = float("-inf")
    run_began_at: float | None = None
    cause: str = ""
    run_number: int = 1
    recurrences: int = 0
    probe_ok: bool | None = None


def facts_of(sight: Sight, asked: Asked) -> Facts:
    own, peers = set(asked.channels), set(sight.peers(asked.channels))
    start_at = max(asked.since_at, sight.at - asked.window_s)
    rollups = [one for one in sight.rollups if one.window_start < sight.at]
    recent = [one for one in rollups if one.window_start >= start_at]
    mine = [one for one in recent if one.channel in own]
    theirs = [one for one in recent if one.channel in peers]
    users = [*mine, *theirs]
    began_at = start_at if asked.run_began_at is None else asked.run_began_at
    before = [
        one
        for one in rollups
        if began_at - _BASELINE_S <= one.window_start < began_at and one.channel in own | peers
    ]
    failing = {name for name in own | peers if _fails(one for one in recent if one.channel == name)}
    values: dict[str, Value | None] = {
        "requests": float(_attempts(users)),
        "ok_rate": _ok_rate(users),
        "channel_requests": float(_attempts(mine)),
        "channel_ok_rate": _ok_rate(mine),
        "error_rate": _error_rate(mine),
        "throttle_rate": _part(sum(one.throttles for one in mine), _attempts(mine)),
        "peer_requests": float(_attempts(theirs)),
        "peer_ok_rate": _ok_rate(theirs),
        "peer_error_rate": _error_rate(theirs),
        "p95": _level(users, Metric.LATENCY_P95),
        "channel_p95": _level(mine, Metric.LATENCY_P95),
        "peer_p95": _level(theirs, Metric.LATENCY_P95),
        "ttft_p95": _level(users, Metric.FIRST_CHUNK_P95),
        "baseline_p95": _level(before, Metric.LATENCY_P95),
        "healthy_alternatives": float(len(peers - failing)),
        "healthy_share": _healthy_share(sight, own | peers, failing),
        "scope_channels": float(len(own)),
        "failing_share": _part(
            len(own & failing), len({one.channel for one in mine if one.attempts > one.ignored})
        ),
        "traffic_share": _part(_attempts(mine), _attempts(users)),
        "run_number": float(asked.run_number),
        "recurrences": float(asked.recurrences),
        "probe_ok": asked.probe_ok,
        "cause": asked.cause,
    }
    values |= _of_findings(sight, asked, peers, users)
    return Facts(at=sight.at, values=values, own=[r for r in rollups if r.channel in own], start_at=start_at)


def _of_findings(
    sight: Sight, asked: Asked, peers: set[ChannelId], users: Sequence[Rollup]
) -> dict[str, Value | None]:
    limits = [sight.objectives[name] for name in asked.channels if name in sight.objectives]
    metric, limit = min(limits, key=lambda one: one[1]) if limits else (None, None)
    first = next((one for one in sight.channels if one.id in asked.channels), None)
    skills = [one.skill for one in sight.skills if one.channel in asked.channels and one.has_vote]
    own_cost = [sight.costs[name] for name in asked.channels if sight.costs.get(name, 0.0) > 0.0]
    peer_cost = [sight.costs[name] for name in peers if name in sight.costs]
    budgets = [float(b.projected_usd / b.limit_usd) for b in sight.budgets if b.limit_usd > 0]
    return {
        "objective_limit": limit,
        "objective_now": None if metric is None else _level(users, metric),
        "provider": "" if first is None else first.provider,
        "cloud": "" if first is None else first.cloud,
        "forecast_skill": max(skills, default=0.0),
        "budget_ratio": max(budgets, default=None),
        "cost_ratio": min(peer_cost) / max(own_cost) if own_cost and peer_cost else None,
    }


def _attempts(seen: Iterable[Rollup]) -> int:
    return sum(one.attempts - one.ignored for one in seen)


def _part(some: int, of: int) -> float | None:
    return some / of if of > 0 else None


def _ok_rate(seen: Sequence[Rollup]) -> float | None:
    return _part(sum(one.successes for one in seen), _attempts(seen))


def _error_rate(seen: Sequence[Rollup]) -> float | None:
    return _part(
        sum(one.failures_total for one in seen), _attempts(seen) - sum(one.throttles for one in seen)
    )


def _fails(seen: Iterable[Rollup]) -> bool:
    rate = _error_rate(list(seen))
    return rate is not None and rate >= 0.5


def _level(seen: Sequence[Rollup], metric: Metric) -> float | None:
    """The mean of the minutes' values by their requests."""
    pairs = [(value_of(one, metric), one.attempts) for one in seen]
    known = [(value, count) for value, count in pairs if value == value and count > 0]  # noqa: PLR0124 - not NaN
    total = sum(count for _, count in known)
    return sum(value * count for value, count in known) / total if total else None


def _healthy_share(sight: Sight, names: set[ChannelId], failing: set[ChannelId]) -> float | None:
    total = sum(sight.weights.get(name, 0.0) for name in names)
    if total <= 0.0:
        return None
    return sum(sight.weights.get(name, 0.0) for name in names - failing) / total


FactsOf = Callable[[Asked], Facts]
