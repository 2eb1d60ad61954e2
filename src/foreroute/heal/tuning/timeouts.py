"""Where the timeouts of a channel should be, by what its answers have taken and are expected to take."""

from dataclasses import dataclass
from typing import Final

from foreroute.core.limits import Parameter, Setting
from foreroute.heal.tuning.memory import DAY_S, HOUR_S, QUARTER_S, Memory
from foreroute.heal.tuning.rails import Rails
from foreroute.heal.tuning.survival import Quantile, Survival
from foreroute.heal.tuning.values import Outlook, Wanted

_SIZED: Final = frozenset({Parameter.FIRST_CHUNK, Parameter.TOTAL})
_HANG_RATIO: Final = 3.0
"""So many more cut off than ended near the limit are no tail that was cut off: they hang."""
_CUT_MIN: Final = 5


@dataclass(frozen=True, slots=True)
class _Level:
    """A quantile of one window."""

    name: str
    quantile: Quantile
    seconds: float
    samples: int


def wanted_timeout(
    memory: Memory, parameter: Parameter, current: Setting, outlook: Outlook, rails: Rails, at: float
) -> Wanted:
    """Every quantile is of Kaplan and Meier, so that what was cut off counts as longer than it was given."""
    quarter = memory.over(parameter, QUARTER_S, at)
    hangs = _hangs(quarter, current.at(), rails)
    if hangs and quarter.ended < quarter.cut:
        return Wanted(
            setting=None,
            reason=f"it hangs rather than is slow: {quarter.cut} were cut off, {quarter.ended} ended",
        )
    levels = _levels(memory, parameter, outlook, rails, at, hangs=hangs)
    if not levels:
        have = memory.over(parameter, DAY_S, at)
        return Wanted(
            setting=None,
            reason=f"{have.ended + have.cut} of {rails.samples_min} samples",
            evidence={"samples": have.ended + have.cut},
        )
    top = max(levels, key=lambda one: one.seconds)
    goal = _by_tokens(memory, parameter, Setting(rails.margin * top.seconds), rails, at, top)
    tightens = goal.at() < current.at()
    evidence = {"samples": top.samples, "quantile_s": top.seconds, "cut_off": quarter.cut}
    if tightens and not all(one.quantile.reached for one in levels):
        return Wanted(
            setting=None, reason="too many were cut off to tell how long answers take", evidence=evidence
        )
    return Wanted(
        setting=goal,
        reason=f"{top.name} is {top.seconds:.3g} s, times {rails.margin:g}",
        evidence=evidence | _slope(goal),
        urgent=not tightens,
    )


def _levels(
    memory: Memory, parameter: Parameter, outlook: Outlook, rails: Rails, at: float, *, hangs: bool
) -> list[_Level]:
    """The windows that hold enough. The day speaks with its full rank only where nothing shorter does."""
    ratio = outlook.whole_ratio if parameter is Parameter.TOTAL else outlook.first_chunk_ratio
    ratio = 1.0 if parameter is Parameter.CONNECT else max(1.0, ratio)
    found = []
    for name, window_s, factor in (("15 min", QUARTER_S, 1.0), ("hour", HOUR_S, ratio)):
        level = _level(memory.over(parameter, window_s, at), name, rails.rank, factor, rails, hangs=hangs)
        if level is not None:
            found.append(level)
    rank = rails.day_rank if found else rails.rank
    day = _level(memory.over(parameter, DAY_S, at), "day", rank, 1.0 if found else ratio, rails, hangs=hangs)
    return found if day is None else [*found, day]


def _level(
    survival: Survival, name: str, rank: float, factor: float, rails: Rails, *, hangs: bool
) -> _Level | None:
    samples = survival.ended + survival.cut
    if samples < rails.samples_min:
        return None
    quantile = (survival.without_cut() if hangs else survival).quantile(rank)
    if quantile is None:
        return None
    said = f"the {rank:.1%} quantile of the {name}"
    if factor > 1.0:
        said += f", {factor:.2g} times that by the forecast,"
    return _Level(said, quantile, quantile.value_s * factor, samples)


def _hangs(survival: Survival, limit_s: float, rails: Rails) -> bool:
    """Whether what was cut off is no tail: then answers would end near the limit, or beyond it on the long leash.

    A tail that thins out like x^-0.4 or faster has more than a third of what is beyond a limit in the octave before.
    """
    cut = survival.cut
    if cut < _CUT_MIN:
        return False
    near = survival.ended_between(limit_s / 2, limit_s)
    beyond = survival.ended_between(limit_s, 4 * limit_s)
    seen = near + beyond / max(rails.leash_ratio, 1e-6)
    return cut > _HANG_RATIO * seen


def _by_tokens(
    memory: Memory, parameter: Parameter, whole: Setting, rails: Rails, at: float, top: _Level
) -> Setting:
    """A line over the quantiles of the size classes that hold enough; one class tells nothing of a slope."""
    if parameter not in _SIZED:
        return whole
    points = _points(memory, parameter, rails, at)
    slope = _fit(points) if len(points) >= 2 else 0.0
    if slope <= 0.0:
        return whole
    # The shape is the last day's; how high it lies, the newest level's.
    day = memory.over(parameter, DAY_S, at).quantile(rails.rank)
    lift = max(1.0, top.seconds / day.value_s) if day is not None else 1.0
    base = max(seconds - slope * tokens for tokens, seconds in points) * rails.margin * lift
    per_token = slope * rails.margin * lift
    base = max(base, rails.bounds[parameter].least)
    usual = max(0.0, (whole.base - base) / per_token)
    return Setting(base, per_token, usual)


def _points(memory: Memory, parameter: Parameter, rails: Rails, at: float) -> list[tuple[float, float]]:
    found = []
    for _, one in memory.sized(parameter, DAY_S, at):
        ended = one.survival.without_cut() if parameter is Parameter.TOTAL else one.survival
        quantile = ended.quantile(rails.rank) if one.survival.ended >= rails.samples_min else None
        if quantile is not None and quantile.reached:
            found.append((one.mean_tokens, quantile.value_s))
    return found


def _fit(points: list[tuple[float, float]]) -> float:
    """Least squares; each class counts the same."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread > 0 else 0.0


def _slope(goal: Setting) -> dict[str, float]:
    return {"s_per_1000_tokens": 1000 * goal.per_token} if goal.per_token else {}
