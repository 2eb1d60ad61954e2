"""Whether a setting may stay: those who try it against those who do not, or after against before."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from foreroute.core.attempt import Attempt, Outcome
from foreroute.heal.tuning.rails import Rails
from foreroute.heal.tuning.statistics import difference, slower
from foreroute.heal.tuning.traffic import is_pushback

_RATIOS_MAX: Final = 400
_EARLY_MIN: Final = 20
_Z_EARLY: Final = 2.58
"""One-sided 99.5 %: the trial is looked at every round, and shall not end by chance."""
_BAD_MARGIN: Final = 0.002
_SLOWER_MIN: Final = 1.1
_Z_LATE: Final = 1.96
_P_EARLY, _P_LATE = 0.005, 0.025


class Verdict(Enum):
    OPEN = "open"
    NO_WORSE = "no worse"
    WORSE = "worse"


@dataclass(slots=True)
class Arm:
    """What became of one side. `bad`: failed, timed out or pushed back."""

    judged: int = 0
    bad: int = 0
    ratios: deque[float] = field(default_factory=lambda: deque(maxlen=_RATIOS_MAX))
    """How slow those that went well were for their size."""

    def add(self, attempt: Attempt, slow_ratio: float | None) -> None:
        pushed = is_pushback(attempt)
        bad = pushed or attempt.outcome in (Outcome.FAILURE, Outcome.TIMEOUT)
        if not bad and attempt.outcome is not Outcome.SUCCESS:
            return
        self.judged += 1
        self.bad += bad
        if not bad and slow_ratio is not None:
            self.ratios.append(slow_ratio)

    @property
    def bad_ratio(self) -> float:
        return self.bad / self.judged if self.judged else 0.0


def judge(trial: Arm, control: Arm, age_s: float, rails: Rails) -> tuple[Verdict, str]:
    """The verdict, and what it rests on, in words. Nothing is promoted on less than the rails ask for."""
    said = f"{trial.bad} of {trial.judged} went badly, against {control.bad} of {control.judged}"
    ripe = age_s >= rails.canary_s_min and min(trial.judged, control.judged) >= rails.canary_samples_min
    z, p_max = (_Z_LATE, _P_LATE) if ripe else (_Z_EARLY, _P_EARLY)
    if trial.judged >= _EARLY_MIN and control.judged >= _EARLY_MIN:
        least, _ = difference(trial.bad, trial.judged, control.bad, control.judged, z)
        if least > _BAD_MARGIN:
            return Verdict.WORSE, f"{said}: at least {least:.1%} more"
        p, ratio = slower(trial.ratios, control.ratios)
        if p < p_max and ratio > _SLOWER_MIN:
            return Verdict.WORSE, f"{said}; {ratio:.2f} times as slow (p {p:.1g})"
    if ripe:
        return Verdict.NO_WORSE, said
    if age_s > rails.canary_s_max:
        return Verdict.WORSE, f"{said}: too few to tell in {rails.canary_s_max / 60:g} min"
    return Verdict.OPEN, said
