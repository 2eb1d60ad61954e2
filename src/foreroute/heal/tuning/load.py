"""How much a channel can take at a time: its concurrency limit and its admission.

Additive increase, multiplicative decrease (Chiu & Jain 1989) on what the channel pushes back, seeded by what its
headers say; and a gradient as in Netflix' concurrency-limits (Gradient2) on how slow answers are *for their size*,
since the time of a language model grows with its tokens.
"""

import math
from typing import Final

from foreroute.core.limits import Parameter, RateLimits, Setting
from foreroute.heal.tuning.memory import HOUR_S, QUARTER_S
from foreroute.heal.tuning.rails import Rails
from foreroute.heal.tuning.traffic import Row, Traffic
from foreroute.heal.tuning.values import Wanted

UNLIMITED: Final = 10_000.0
"""In the place of no concurrency limit."""
ADMIT_ALL: Final = 8.0
"""In the place of no admission: a channel that accepts an eighth of what it is sent is sent all of it."""
_PUSHED_RATIO_MIN: Final = 0.02
_PUSHED_MIN: Final = 5
_PRESSED_RATIO: Final = 0.1
_CALM_RATIO: Final = 0.01
_SHORT_S: Final = 300.0
_GRADIENT_MIN: Final = 0.5
_SLOW: Final = 0.8
"""A gradient under this is slowness that a lower load may cure."""
_QUEUE: Final = 4.0


def wanted_concurrency(traffic: Traffic, current: Setting, rails: Rails, at: float) -> Wanted:
    limit = current.base
    row, load = traffic.over(QUARTER_S, at), traffic.load(QUARTER_S, at)
    told = told_concurrency(traffic.headers(at), traffic.over(HOUR_S, at))
    evidence: dict[str, float] = {"sent": row.sent, "pushed_back": row.pushed, "peak": load.peak}
    if told is not None:
        evidence["told_by_headers"] = round(told, 1)
    if row.pushed >= _PUSHED_MIN and row.pushed_ratio >= _PUSHED_RATIO_MIN:
        seen = load.at_pushback or load.peak or 1.0
        goal = max(1.0, 0.5 * min(limit, seen))
        if told is not None:
            goal = min(limit, max(goal, told))
        return Wanted(
            setting=Setting(math.floor(goal)),
            reason=f"{row.pushed_ratio:.0%} of {row.sent} were pushed back, with {seen:g} at a time",
            evidence=evidence,
            urgent=True,
        )
    if limit >= UNLIMITED:
        return Wanted(setting=None, reason="nothing says that it needs a limit", evidence=evidence)
    gradient = _gradient(traffic, at)
    bound = load.peak >= 0.8 * limit
    if gradient is not None:
        evidence["gradient"] = round(gradient, 3)
    if bound and gradient is not None and gradient < _SLOW:
        goal = max(1.0, limit * gradient + min(_QUEUE, math.sqrt(limit)))
        return Wanted(
            setting=Setting(math.floor(min(goal, limit))),
            reason=f"answers are {1 / gradient:.2g} times as slow for their size as in the last hour",
            evidence=evidence,
        )
    if row.sent < rails.samples_min // 4:
        return Wanted(
            setting=None, reason=f"{row.sent} of {rails.samples_min // 4} attempts", evidence=evidence
        )
    if not bound:
        return Wanted(setting=None, reason=f"{load.peak} at a time do not reach the limit", evidence=evidence)
    goal = limit + max(1.0, 0.1 * limit)
    if told is not None and limit < told:
        goal = max(goal, told)
    return Wanted(
        setting=Setting(math.floor(goal)),
        reason="it is reached, and nothing is pushed back",
        evidence=evidence,
    )


def wanted_admission(traffic: Traffic, current: Setting, rails: Rails, at: float) -> Wanted:
    row = traffic.over(QUARTER_S, at)
    evidence = {"sent": row.sent, "pushed_back": row.pushed}
    if row.sent < rails.samples_min // 4:
        return Wanted(
            setting=None, reason=f"{row.sent} of {rails.samples_min // 4} attempts", evidence=evidence
        )
    said = f"{row.pushed_ratio:.1%} of {row.sent} were pushed back"
    if row.pushed_ratio >= _PRESSED_RATIO and row.pushed >= _PUSHED_MIN:
        return Wanted(setting=Setting(2.0), reason=said, evidence=evidence, urgent=True)
    if row.pushed_ratio <= _CALM_RATIO and current.base < ADMIT_ALL:
        return Wanted(setting=Setting(ADMIT_ALL), reason=said, evidence=evidence)
    return Wanted(setting=None, reason=said, evidence=evidence)


def told_concurrency(said: RateLimits | None, hour: Row) -> float | None:
    """What the channel's limits a minute come to at a time, by Little's law; None where it told none."""
    if said is None or not hour.sent or hour.seconds <= 0:
        return None
    mean_s, mean_tokens = hour.seconds / hour.sent, hour.tokens / hour.sent
    found = []
    if said.requests_max is not None and (said.requests_reset_s or 0.0) <= _SHORT_S:
        found.append(said.requests_max / 60.0 * mean_s)
    if said.tokens_max is not None and mean_tokens > 0 and (said.tokens_reset_s or 0.0) <= _SHORT_S:
        found.append(said.tokens_max / mean_tokens / 60.0 * mean_s)
    return max(1.0, min(found)) if found else None


def _gradient(traffic: Traffic, at: float) -> float | None:
    short, long = traffic.over(_SHORT_S, at), traffic.over(HOUR_S, at)
    if short.ratios < 20 or long.ratios < 100 or not short.slow_ratio or not long.slow_ratio:
        return None
    return min(1.0, max(_GRADIENT_MIN, long.slow_ratio / short.slow_ratio))


def parameter_off(parameter: Parameter, setting: Setting) -> bool:
    """Whether a value is as good as none."""
    return parameter is Parameter.ADMISSION and setting.base >= 0.9 * ADMIT_ALL
