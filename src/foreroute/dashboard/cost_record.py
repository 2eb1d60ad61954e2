"""How a channel has done over a span, and how it is expected to do: latency as a whole distribution. Pure."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from foreroute.control.ahead import AS_SEEN, Course
from foreroute.core.plan import Objective
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.core.series import FIRST_CHUNK_METRICS
from foreroute.monitor.sketch import merge, quantiles

LATE_MAX: Final = 0.05
_STEPS: Final = 200
_THROTTLES_MIN: Final = 3
_THROTTLED_RATIO_MIN: Final = 0.05
"""A minute with fewer throttled attempts says nothing about a limit: somebody asked twice at once."""


@dataclass(frozen=True, slots=True)
class Record:
    """None: it has not been asked."""

    success: float | None
    mean_s: float | None
    p95_s: float | None
    late: Callable[[float], float]
    """The share of answers that takes longer."""
    held_s: float | None = None
    """How long an answer takes one of its places."""
    requests_per_minute_max: float | None = None
    """What it has let through in minutes in which it refused some: a limit that nobody has told us."""
    model: str = ""
    """Who has forecast its latency; empty: it is what was seen."""


def record(
    rollups: Sequence[Rollup], objective: Objective | None, course: Course = AS_SEEN, *, asked_min: int = 1
) -> Record:
    """`rollups`: the channel's own, without segments. `course`: what its latency will be beside that of the span.

    Where it is uncertain, the share of late answers is the mean over what may come.
    """
    first_chunk = objective is not None and objective.metric in FIRST_CHUNK_METRICS
    found = [one.first_chunk if first_chunk else one.latency for one in rollups]
    asked = sum(one.attempts - one.ignored for one in rollups)
    served = sum(one.successes for one in rollups)
    curve, points = _curve(found), course.points()

    def late(limit: float) -> float:
        if curve is None or math.isinf(limit):
            return 0.0
        return sum(_above(curve, limit / point) for point in points) / len(points)

    return Record(
        success=served / asked if asked >= asked_min else None,
        mean_s=_times(mean(found), course.factor),
        held_s=_times(mean([one.latency for one in rollups]), course.factor),
        p95_s=None if curve is None else _quantile(late, curve, points),
        late=late,
        requests_per_minute_max=learnt_limit(rollups),
        model=course.model,
    )


def mixture_p95(weights: Mapping[str, float], records: Mapping[str, Record]) -> float | None:
    """Of these weights, over the channels of which something is known; by bisection."""
    known = {
        name: weight for name, weight in weights.items() if records[name].p95_s is not None and weight > 0
    }
    total = sum(known.values())
    if not total:
        return None
    high = 2.0 * max(records[name].p95_s or 0.0 for name in known) + 1.0

    def late(limit: float) -> float:
        return sum(weight * records[name].late(limit) for name, weight in known.items()) / total

    return _bisected(late, high)


def learnt_limit(rollups: Sequence[Rollup]) -> float | None:
    """Requests a minute; None where it has refused nobody, or too few to tell."""
    full = [
        one.successes * 60.0 / one.window_s
        for one in rollups
        if one.throttles >= max(_THROTTLES_MIN, _THROTTLED_RATIO_MIN * one.attempts)
    ]
    return median(full) if full and median(full) > 0 else None


def mean(found: Sequence[LatencySummary]) -> float | None:
    count = sum(one.count for one in found)
    return sum(one.total_s for one in found) / count if count else None


def _curve(found: Sequence[LatencySummary]) -> list[float] | None:
    """Evenly spaced quantiles of all answers together; None without any that can be merged."""
    sketches = [one.sketch for one in found if one.sketch]
    if not sketches:
        return None
    curve = quantiles(merge(sketches), [step / _STEPS for step in range(_STEPS + 1)])
    return [one for one in curve if one is not None]


def _above(curve: Sequence[float], limit: float) -> float:
    return (len(curve) - bisect_right(curve, limit)) / len(curve)


def _quantile(late: Callable[[float], float], curve: Sequence[float], points: Sequence[float]) -> float:
    """The 95th percentile: read off the curve where its future is sure, found by bisection where it is not."""
    if len(points) == 1:
        return curve[round((1.0 - LATE_MAX) * (len(curve) - 1))] * points[0]
    return _bisected(late, 2.0 * curve[-1] * max(points) + 1.0)


def _bisected(late: Callable[[float], float], high: float) -> float:
    low = 0.0
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (middle, high) if late(middle) > LATE_MAX else (low, middle)
    return high


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
