"""How far and how often a parameter may move, whatever is wanted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from foreroute.core.limits import Parameter, Setting
from foreroute.heal.tuning.values import Bounds

BOUNDS: Final[Mapping[Parameter, Bounds]] = {
    Parameter.CONNECT: Bounds(least=0.25, most=10.0),
    Parameter.FIRST_CHUNK: Bounds(least=1.0, most=120.0),
    Parameter.STALL: Bounds(least=2.0, most=60.0),
    Parameter.TOTAL: Bounds(least=5.0, most=600.0),
    Parameter.CONCURRENCY: Bounds(least=1.0, most=10_000.0),
    Parameter.ADMISSION: Bounds(least=1.5, most=8.0),
    Parameter.FAILURES_IN_ROW: Bounds(least=3.0, most=10.0),
    Parameter.OUTLIER_RATIO: Bounds(least=0.1, most=0.6),
    Parameter.RETRY_RATIO: Bounds(least=0.02, most=0.3),
}
COUNTED: Final = frozenset({Parameter.CONCURRENCY, Parameter.FAILURES_IN_ROW})
"""Whole numbers: one is the least step."""
SPLIT: Final = frozenset(
    {Parameter.CONNECT, Parameter.FIRST_CHUNK, Parameter.STALL, Parameter.TOTAL, Parameter.CONCURRENCY}
)
"""What a part of the requests can try while the others do not. The others are shared by all requests of a channel
(one breaker, one budget), so they are watched before and after instead.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rails:
    """Seconds, shares 0…1 and counts of attempts. Set by judgement from public practice, not fitted to any data."""

    bounds: Mapping[Parameter, Bounds] = field(default_factory=lambda: dict(BOUNDS))
    parameters: frozenset[Parameter] = frozenset(Parameter)
    """Those that are tuned at all."""
    dead_band: float = 0.1
    """Smaller changes are not made: they are noise."""
    step_max: float = 0.25
    """The most that one step changes a value by, as a part of it."""
    tighten_every_s: float = 600.0
    loosen_every_s: float = 120.0
    """Between two steps of a channel."""
    settle_s: float = 3600.0
    """A timeout that was made longer is not made shorter again before: its quantile is noisy, and would swing."""
    tighten_rounds: int = 3
    """So many rounds in a row must want it."""
    samples_min: int = 200
    young_samples_min: int = 1000
    """A channel that has told fewer durations is young: nothing of it is tightened."""
    canary_ratio: float = 0.1
    canary_samples_min: int = 100
    canary_s_min: float = 600.0
    canary_s_max: float = 7200.0
    """A trial that has told nothing by then is rolled back."""
    held_s: float = 3600.0
    """So long a parameter is left alone after a rollback; twice as long after each further one, up to a day."""
    freeze_s: float = 600.0
    """After a clock jump."""
    jump_s: float = 300.0
    """Rounds that are farther apart, or in the wrong order, are a jump of the clock."""
    skill_min: float = 0.0
    """Forecasts that are worse than the last value by this measure vouch for nothing."""
    leash_ratio: float = 0.01
    rank: float = 0.995
    """Of the durations, so many shall fit even without the margin."""
    day_rank: float = 0.95
    """Of the last day's: what an hour of trouble in a day cannot move."""
    margin: float = 1.3


@dataclass(frozen=True, slots=True)
class Step:
    """`setting` None: no step, because of `rails`."""

    setting: Setting | None
    rails: tuple[str, ...] = ()


def stepped(parameter: Parameter, old: Setting, wanted: Setting, rails: Rails) -> Step:
    """The next value on the way from one to another. It is within the bounds, or nearer to them than the old one."""
    said = []
    low, high = bounds_of(parameter, old, rails)
    goal = _bounded(wanted, low, high)
    if (goal.base, goal.at()) != (wanted.base, wanted.at()):
        said.append(f"bounds {low:g} to {high:g}")
    if _is_near(parameter, old, goal, rails):
        return Step(None, (*said, f"dead band {rails.dead_band:.0%}"))
    part = _part(old, goal, rails.step_max)
    if part < 1.0:
        said.append(f"at most {rails.step_max:.0%} a step")
    new = _between(old, goal, part)
    if parameter in COUNTED:
        new = Setting(_whole(old.base, goal.base, new.base))
    return Step(_rounded(new), tuple(said))


def is_tighter(new: Setting, old: Setting) -> bool:
    return new.at() < old.at()


def bounds_of(parameter: Parameter, old: Setting, rails: Rails) -> tuple[float, float]:
    """The hard ones, widened to where the value is already: a step leads back into them, never farther out."""
    bounds = rails.bounds[parameter]
    return min(bounds.least, old.at()), max(bounds.most, old.at())


def _bounded(wanted: Setting, low: float, high: float) -> Setting:
    base = min(max(wanted.base, low), high)
    usual = wanted.usual_tokens
    if wanted.at() > high and wanted.per_token > 0:
        usual = max(0.0, (high - base) / wanted.per_token)
    return replace(wanted, base=base, usual_tokens=usual, most=min(wanted.most, high))


def _anchors(one: Setting, other: Setting) -> tuple[float, ...]:
    """Where two settings are compared: no tokens, and what is usual for either."""
    return 0.0, one.usual_tokens, other.usual_tokens


def _is_near(parameter: Parameter, old: Setting, goal: Setting, rails: Rails) -> bool:
    if parameter in COUNTED:
        return round(goal.base) == round(old.base)
    pairs = [(old.at(), goal.at()), *((old.at(t), goal.at(t)) for t in _anchors(old, goal))]
    return all(abs(new - was) < rails.dead_band * was for was, new in pairs)


def _part(old: Setting, goal: Setting, step_max: float) -> float:
    """How much of the way may be gone, 0…1, so that no anchor moves by more than a step."""
    pairs = [(old.at(), goal.at()), *((old.at(t), goal.at(t)) for t in _anchors(old, goal))]
    # Also as if nothing bounded the goal from above: what is mixed are the lines, and the bound does not mix.
    pairs += [(old.at(t), goal.base + goal.per_token * t) for t in _anchors(old, goal)]
    moves = [abs(new - was) / max(was, 1e-9) for was, new in pairs]
    return min(1.0, step_max / max(*moves, 1e-9))


def _between(old: Setting, goal: Setting, part: float) -> Setting:
    def mix(was: float, new: float) -> float:
        return was + part * (new - was)

    most = goal.most if math.isinf(old.most) or math.isinf(goal.most) else mix(old.most, goal.most)
    slope, base = mix(old.per_token, goal.per_token), mix(old.base, goal.base)
    at_usual = mix(old.at(), goal.at())
    usual = (at_usual - base) / slope if slope > 0 else 0.0
    return Setting(base, slope, max(0.0, usual), most)


def _whole(old: float, goal: float, new: float) -> float:
    """At least one, towards the goal and not beyond it."""
    if goal > old:
        return float(min(round(goal), max(round(old) + 1, math.floor(new))))
    return float(max(round(goal), min(round(old) - 1, math.ceil(new))))


def _rounded(one: Setting) -> Setting:
    return Setting(
        float(f"{one.base:.6g}"),
        float(f"{one.per_token:.6g}"),
        float(f"{one.usual_tokens:.6g}"),
        one.most if math.isinf(one.most) else float(f"{one.most:.6g}"),
    )
