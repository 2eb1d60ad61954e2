"""How an incident went, minute by minute, from rollups alone: what failed there, and how much was still sent there."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from foreroute.control.incidents.seen import routes_of
from foreroute.core.ids import ChannelId, RouteName
from foreroute.core.incident import SLOW, IncidentReport
from foreroute.core.plan import Objective, RoutingPlan
from foreroute.core.ports import RollupStore
from foreroute.core.rollup import Rollup
from foreroute.core.series import value_of

Row = dict[str, Any]
_AROUND_S: Final = 900.0
_LONGEST_S: Final = 86_400.0
_POINTS_MAX: Final = 240


async def course_of(
    report: IncidentReport,
    plan: RoutingPlan,
    objectives: Mapping[RouteName, Objective],
    rollups: RollupStore,
    at: float,
) -> Row:
    """A quarter of an hour before it to one after it, of a day at most. Raises StoreError."""
    routes = routes_of(plan, report.channels)
    around = {target.channel for name in routes for target in plan.routes[name].targets} | report.channels
    start_at = report.opened_at - _AROUND_S
    closed_at = report.phases.closed_at
    end_at = at if closed_at is None else min(at, closed_at + _AROUND_S)
    end_at = min(end_at, start_at + _LONGEST_S)
    found = await rollups.read(start_at=start_at, end_at=end_at, channels=sorted(around))
    objective = next((objectives[name] for name in sorted(routes) if name in objectives), None)
    step_s = max(60.0, math.ceil((end_at - start_at) / _POINTS_MAX / 60.0) * 60.0)
    return {
        "start_at": start_at,
        "end_at": end_at,
        "step_s": step_s,
        "metric": objective.metric.value if objective is not None and report.kind == SLOW else None,
        "limit_s": objective.limit_s if objective is not None and report.kind == SLOW else None,
        "points": _points(found, report, objective, step_s),
    }


def _points(
    rollups: Iterable[Rollup], report: IncidentReport, objective: Objective | None, step_s: float
) -> list[Row]:
    steps: dict[float, list[Rollup]] = {}
    for one in rollups:
        steps.setdefault(one.window_start // step_s * step_s, []).append(one)
    return [
        {"at": start_at, **_point(found, report.channels, objective if report.kind == SLOW else None)}
        for start_at, found in sorted(steps.items())
    ]


def _point(rollups: Sequence[Rollup], channels: Collection[ChannelId], objective: Objective | None) -> Row:
    there = [one for one in rollups if one.channel in channels]
    attempts, of = sum(one.attempts for one in there), sum(one.attempts for one in rollups)
    bad, asked = sum(_bad(one) for one in there), sum(one.attempts - one.ignored for one in there)
    value_s = None if objective is None else _worst(there, objective)
    return {
        "attempts": attempts,
        "bad_ratio": bad / asked if asked else None,
        "share": attempts / of if of else None,
        "all_bad_ratio": _ratio(rollups),
        "value_s": value_s,
    }


def _bad(rollup: Rollup) -> int:
    return rollup.failures_total + rollup.throttles


def _ratio(rollups: Sequence[Rollup]) -> float | None:
    asked = sum(one.attempts - one.ignored for one in rollups)
    return sum(_bad(one) for one in rollups) / asked if asked else None


def _worst(rollups: Sequence[Rollup], objective: Objective) -> float | None:
    values = [value for one in rollups if math.isfinite(value := value_of(one, objective.metric))]
    return max(values, default=None)
