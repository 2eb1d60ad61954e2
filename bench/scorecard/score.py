"""Criteria and figures put together: what holds, what does not, and what nobody has measured."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bench.scorecard.criteria import Criterion, amount
from bench.scorecard.measure import Measured


class Verdict(StrEnum):
    MISSED = "missed"
    FAILED = "not measured"
    """The benchmark that should have said it has failed."""
    NOTHING = "nothing measures it yet"
    HELD = "held"


_ORDER = tuple(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    criterion: Criterion
    verdict: Verdict
    value: float = math.nan
    interval: tuple[float, float] | None = None
    """95 %, where the benchmark gives one."""
    beside: str = ""
    """The baseline of the same run."""
    how: str = ""
    why: str = ""
    """Why there is no value."""

    @property
    def shown(self) -> str:
        if math.isnan(self.value):
            return "–"
        unit = self.criterion.target.unit
        value = amount(self.value, unit)
        if self.interval is None:
            return value
        return f"{value} ({amount(self.interval[0], unit)} to {amount(self.interval[1], unit)})"

    def as_dict(self) -> dict[str, Any]:
        one = self.criterion
        return {
            "demand": one.demand,
            "what": one.what,
            "target": str(one.target),
            "method": one.method.value,
            "verdict": self.verdict.value,
            "value": None if math.isnan(self.value) else self.value,
            "unit": one.target.unit,
            "interval": self.interval,
            "baseline": self.beside or None,
            "how": self.how,
            "why": self.why,
            "row": one.row or None,
            "command": command(one) or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`scores`: what misses its target first, then in the order of the demands."""

    version: str
    quick: bool
    took_s: float
    scores: Sequence[Score]

    @property
    def holds(self) -> bool:
        return all(score.verdict is Verdict.HELD for score in self.scores)

    def count(self, verdict: Verdict) -> int:
        return sum(score.verdict is verdict for score in self.scores)

    def as_dict(self) -> dict[str, Any]:
        fields = asdict(self) | {"scores": [score.as_dict() for score in self.scores]}
        return fields | {"counts": {verdict.value: self.count(verdict) for verdict in Verdict}}


def card(
    criteria: Sequence[Criterion], measured: Mapping[str, Measured], *, version: str, quick: bool
) -> Card:
    scores = sorted((score(one, measured) for one in criteria), key=lambda one: _ORDER.index(one.verdict))
    took_s = sum(one.took_s for one in measured.values())
    return Card(version=version, quick=quick, took_s=took_s, scores=scores)


def score(criterion: Criterion, measured: Mapping[str, Measured]) -> Score:
    if not criterion.row:
        return Score(criterion=criterion, verdict=Verdict.NOTHING, why=criterion.missing)
    behind = measured.get(criterion.instrument)
    if behind is None:
        return Score(criterion=criterion, verdict=Verdict.FAILED, why=f"{criterion.instrument} was not run")
    figure = behind.figures.get(criterion.row)
    if figure is None or not isinstance(figure["value"], int | float):
        why = behind.problem or f"{criterion.instrument} has printed no {criterion.row}"
        return Score(criterion=criterion, verdict=Verdict.FAILED, why=why)
    value = float(figure["value"])
    interval = figure.get("interval")
    return Score(
        criterion=criterion,
        verdict=Verdict.HELD if criterion.target.holds(value) else Verdict.MISSED,
        value=value,
        interval=None if interval is None else (float(interval[0]), float(interval[1])),
        beside=figure.get("baseline") or "",
        how=figure.get("how") or "",
    )


def command(criterion: Criterion) -> str:
    """How to measure it alone."""
    return f"make bench NAME={criterion.instrument}" if criterion.row else ""
