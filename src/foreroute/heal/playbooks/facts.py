"""The words of conditions, and what each of them is on a scope at an instant. Pure: from a sight alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.core.failure import FailureClass
from foreroute.core.series import Metric
from foreroute.heal.durations import seconds
from foreroute.heal.playbooks.expression import Function, Kind, Value, Vocabulary
from foreroute.heal.playbooks.scene import (
    Asked,
    Scene,
    attempts,
    error_rate,
    failed_with,
    level,
    ok_rate,
    part,
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a scene; without one nothing is. Each fact is worked out when it is asked for."""

    scene: Scene | None = None

    def value(self, name: str) -> Value | None:
        return None if self.scene is None else _FACTS[name](self.scene)

    def call(self, name: str, arguments: Sequence[Value]) -> Value | None:
        scene = self.scene
        if scene is None:
            return 0.0 if name == "count" else None
        start_at = scene.start_at if len(arguments) < 2 else scene.sight.at - _seconds(arguments[1])
        seen = [one for one in scene.past if one.window_start >= start_at]
        kind = FailureClass(arguments[0]) if arguments[0] in set(FailureClass) else FailureClass.UNKNOWN
        bad = float(failed_with(seen, kind))
        if name == "count":
            return bad
        asked = attempts(seen)
        return bad / asked if asked else None


def facts_of(sight: Sight, asked: Asked) -> Facts:
    return Facts(scene=Scene(sight, asked))


def _seconds(value: Value) -> float:
    try:
        return seconds(value)
    except ValueError:
        return 0.0


_FACTS: Final[Mapping[str, Callable[[Scene], Value | None]]] = {
    "requests": lambda scene: float(attempts(scene.users)),
    "ok_rate": lambda scene: ok_rate(scene.users),
    "channel_requests": lambda scene: float(attempts(scene.mine)),
    "channel_ok_rate": lambda scene: ok_rate(scene.mine),
    "error_rate": lambda scene: error_rate(scene.mine),
    "throttle_rate": lambda scene: part(sum(one.throttles for one in scene.mine), attempts(scene.mine)),
    "peer_requests": lambda scene: float(attempts(scene.theirs)),
    "peer_ok_rate": lambda scene: ok_rate(scene.theirs),
    "peer_error_rate": lambda scene: error_rate(scene.theirs),
    "p95": lambda scene: level(scene.users, Metric.LATENCY_P95),
    "channel_p95": lambda scene: level(scene.mine, Metric.LATENCY_P95),
    "peer_p95": lambda scene: level(scene.theirs, Metric.LATENCY_P95),
    "ttft_p95": lambda scene: level(scene.users, Metric.FIRST_CHUNK_P95),
    "baseline_p95": lambda scene: level(scene.before, Metric.LATENCY_P95),
    "objective_limit": lambda scene: None if scene.objective is None else scene.objective[1],
    "objective_now": lambda scene: (
        None if scene.objective is None else level(scene.users, scene.objective[0])
    ),
    "healthy_alternatives": lambda scene: float(len(scene.peers - scene.failing)),
    "healthy_share": lambda scene: scene.healthy_share,
    "scope_channels": lambda scene: float(len(scene.own)),
    "failing_share": lambda scene: part(len(scene.own & scene.failing), len(scene.judged)),
    "traffic_share": lambda scene: part(attempts(scene.mine), attempts(scene.users)),
    "cost_ratio": lambda scene: scene.cost_ratio,
    "forecast_skill": lambda scene: scene.skill,
    "budget_ratio": lambda scene: scene.budget_ratio,
    "run_number": lambda scene: float(scene.asked.run_number),
    "recurrences": lambda scene: float(scene.asked.recurrences),
    "probe_ok": lambda scene: scene.asked.probe_ok,
    "cause": lambda scene: scene.asked.cause,
    "provider": lambda scene: "" if scene.first is None else scene.first.provider,
    "cloud": lambda scene: "" if scene.first is None else scene.first.cloud,
}
