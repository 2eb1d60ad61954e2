"""How good what was said of the future has been, from the journal of forecasts and the stored minutes. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.control.forecast_log import Graded
from foreroute.core.findings import WindowTarget

_PARTS: Final = 6
_PART_MIN: Final = 5
"""A part of the time with fewer graded forecasts says nothing of the trend."""
_TREND_MIN: Final = 0.05


@dataclass(frozen=True, slots=True)
class TrendPoint:
    at: float
    """The middle of this part of the time."""
    graded: int
    skill: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """Of one model, target and horizon, on forecasts of one series whose outcome was measured."""

    model: str
    target: WindowTarget
    horizon_s: float
    graded: int
    mean_absolute_error: float
    naive_mean_absolute_error: float
    """The last value's, on the same origins."""
    mape: float | None
    """Mean absolute relative error; None where outcomes are zero."""
    floor_ratio: float | None
    """What nobody could have beaten, because outcomes are measured from so few requests."""
    coverage80: float
    """Share of outcomes inside the 80 % interval."""
    trend: tuple[TrendPoint, ...] = ()
    """Skill over time, oldest first."""

    @property
    def relative_mae(self) -> float | None:
        """Error over the last value's; under 1: better than it."""
        naive = self.naive_mean_absolute_error
        return self.mean_absolute_error / naive if naive > 0 else None

    @property
    def skill(self) -> float | None:
        return None if self.relative_mae is None else 1.0 - self.relative_mae

    @property
    def direction(self) -> str:
        """Of the skill, the newest part beside the oldest: `rising`, `falling`, `steady`, or `unknown`."""
        if len(self.trend) < 2:
            return "unknown"
        change = self.trend[-1].skill - self.trend[0].skill
        if abs(change) < _TREND_MIN:
            return "steady"
        return "rising" if change > 0 else "falling"


def scores(found: Iterable[Graded]) -> list[ForecastScore]:
    """One for each model, target and horizon; those without a measured outcome are left out."""
    groups: dict[tuple[str, WindowTarget, float], list[Graded]] = {}
    for one in found:
        if all(map(math.isfinite, (one.value, one.outcome, one.last))):
            groups.setdefault((one.model, one.target, one.horizon_s), []).append(one)
    return [
        _score(model, target, horizon_s, mine)
        for (model, target, horizon_s), mine in sorted(groups.items(), key=lambda item: item[0])
    ]


def _score(model: str, target: WindowTarget, horizon_s: float, mine: Sequence[Graded]) -> ForecastScore:
    ours, naive = _errors(mine)
    relative = [abs(one.value - one.outcome) / one.outcome for one in mine if one.outcome > 0]
    floors = [one.floor_ratio for one in mine if math.isfinite(one.floor_ratio)]
    return ForecastScore(
        model=model,
        target=target,
        horizon_s=horizon_s,
        graded=len(mine),
        mean_absolute_error=ours,
        naive_mean_absolute_error=naive,
        mape=_mean(relative),
        floor_ratio=_mean(floors),
        coverage80=sum(one.is_inside for one in mine) / len(mine),
        trend=_trend(mine),
    )


def _errors(mine: Sequence[Graded]) -> tuple[float, float]:
    ours = math.fsum(abs(one.value - one.outcome) for one in mine) / len(mine)
    return ours, math.fsum(abs(one.last - one.outcome) for one in mine) / len(mine)


def _trend(mine: Sequence[Graded]) -> tuple[TrendPoint, ...]:
    first, last = mine[0].issued_at, mine[-1].issued_at
    length = (last - first) / _PARTS
    if length <= 0:
        return ()
    parts: list[list[Graded]] = [[] for _ in range(_PARTS)]
    for one in mine:
        parts[min(int((one.issued_at - first) / length), _PARTS - 1)].append(one)
    found = []
    for number, part in enumerate(parts):
        if len(part) < _PART_MIN:
            continue
        ours, naive = _errors(part)
        if naive > 0:
            found.append(TrendPoint(first + (number + 0.5) * length, len(part), 1.0 - ours / naive))
    return tuple(found)


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
