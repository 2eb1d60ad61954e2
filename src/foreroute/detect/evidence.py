"""When scores are enough for an alarm: one window far beyond, two of three beyond, or several that last.

Isolated minutes that recur are a habit of the series: each raises the bar for the next one, and the habit is forgotten
within days. What lasts is judged without that allowance.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.detect.columns import Bools, Floats, known

RECENT: Final = 5
_OF_THREE: Final = 1.0
"""Two of the last three windows need this part of what one alone needs, and no allowance for habits."""
_OF_THREE_TRAFFIC: Final = 0.85
"""Where one alone is never enough, two have to be found the sooner."""
_ALL_THREE: Final = 0.7
"""Three of three need this part."""
_BACK: Final = 0.6
"""A window below this part of the threshold is back to normal."""
_STILL_THERE: Final = 0.3
_ALONE: Final = 1.1
"""One window alone needs so many times the threshold."""
_NEARLY: Final = 0.99
_HABIT_STEP: Final = 0.1
_HABIT_MAX: Final = 10.0
_HABIT_HALF_LIFE_S: Final = 86_400.0
_LEAN: Final = 2.0
_LEAN_MAX: Final = 4.0
_LEAN_CAP: Final = 60.0
_LONG: Final = 10.0
"""Windows after which a lean is a drift."""
_EPISODE_ENDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Judged:
    """Shapes (series,). `ratio` ≥ 1 is an alarm; `two_sided`, `leaning` and `lasting` say what it looks like."""

    ratio: Floats
    two_sided: Bools
    leaning: Bools
    lasting: Bools


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of the newest windows beside their scores. Shapes (series,)."""

    lasts: Floats
    """How near to an alarm the last windows are together; 1 is one."""
    back: Bools
    """At the level that was held before: whatever the score, no news."""
    overlap: Bools
    """Each score is about several windows: three in a row are no more than one, and need no time to be believed."""
    never_alone: Bools
    """One strange window is nothing in such a series."""

    @classmethod
    def nothing(cls, rows: int) -> "Beside":
        no = np.zeros(rows, dtype=bool)
        return cls(np.zeros(rows), no, no, no)


@dataclass(slots=True)
class Evidence:
    recent: Floats
    """(series, RECENT): signed scores, newest first; 0 where nothing was judged."""
    habit: Floats
    """Isolated windows beyond the threshold of late, (series,)."""
    lean: Floats
    """(series, 2): cumulative sums of what exceeds the usual, upwards and downwards (Page 1954)."""
    lean_age: Floats
    """(series, 2): windows since each of them left 0."""
    since: Floats
    """Start of the present episode, seconds; NaN outside."""
    drifts: Bools
    """Whether the present episode began as a drift."""
    calm: Floats
    """Windows since the last alarm."""

    @classmethod
    def empty(cls, rows: int) -> "Evidence":
        return cls(
            np.zeros((rows, RECENT)),
            np.zeros(rows),
            np.zeros((rows, 2)),
            np.zeros((rows, 2)),
            np.full(rows, np.nan),
            np.zeros(rows, bool),
            np.full(rows, _EPISODE_ENDS),
        )

    def judge(
        self, scores: Floats, thresholds: Floats, step_s: float, *, beside: Beside | None = None
    ) -> Judged:
        """`scores` are signed; NaN is neither evidence nor a lesson."""
        known_beside = Beside.nothing(len(scores)) if beside is None else beside
        seen = np.isfinite(scores)
        self._recall(known(scores), seen, thresholds, step_s)
        sign = np.sign(known(scores))
        lasting = self._lasting(np.abs(known(scores)), sign, thresholds, known_beside)
        alone = self._alone(np.abs(known(scores)), thresholds, known_beside)
        single = np.maximum(alone, lasting)
        single = np.where(known_beside.back, np.minimum(single, _NEARLY), single)
        ratio = np.where(seen, np.maximum(single, known_beside.lasts), 0.0)
        far = np.abs(self.recent) > _OF_THREE * thresholds[:, None]
        above, below = (np.any(far & (self.recent * side > 0), axis=1) for side in (1.0, -1.0))
        self._open(ratio >= 1.0, self.lean_age[np.arange(len(scores)), np.where(sign > 0, 0, 1)] >= _LONG)
        two_sided: Bools = above & below
        lasts: Bools = np.maximum(lasting, known_beside.lasts) >= np.minimum(ratio, 1.0)
        return Judged(ratio, two_sided, self.drifts.copy(), lasts & (ratio > 0.0))

    def _alone(self, size: Floats, thresholds: Floats, beside: Beside) -> Floats:
        needed = np.where(beside.overlap, 1.0, _ALONE) * thresholds * (1.0 + _HABIT_STEP * self.habit)
        return np.where(beside.never_alone, 0.0, size / needed)

    def _lasting(self, size: Floats, sign: Floats, thresholds: Floats, beside: Beside) -> Floats:
        """Two or three of the last three windows beyond, on the side of the newest."""
        same_side = np.sort(np.maximum(self.recent[:, :3] * sign[:, None], 0.0), axis=1)
        three = np.where(beside.overlap, 0.0, same_side[:, 0] / (_ALL_THREE * thresholds))
        still_there = size > _STILL_THERE * thresholds
        two = same_side[:, 1] / (np.where(beside.never_alone, _OF_THREE_TRAFFIC, _OF_THREE) * thresholds)
        return np.where(still_there, np.maximum(two, three), 0.0)

    def _open(self, alarms: Bools, leaning: Bools) -> None:
        """What had been leaning for long when its episode began is a drift until the episode ends."""
        begins = alarms & ~np.isfinite(self.since)
        self.drifts = np.where(begins, leaning, self.drifts)

    def note(self, alarms: Bools, seen: Bools, at: float) -> None:
        """Opens and ends episodes: one ends when ten windows without an alarm have passed."""
        self.calm = np.where(alarms, 0.0, self.calm + seen)
        self.since = np.where(alarms & ~np.isfinite(self.since), at, self.since)
        self.since = np.where(self.calm >= _EPISODE_ENDS, np.nan, self.since)

    def forget(self, rows: Bools) -> None:
        """What was seen before a change that was announced is no evidence."""
        self.recent[rows] = 0.0
        self.lean[rows] = self.lean_age[rows] = 0.0

    def _recall(self, scores: Floats, seen: Bools, thresholds: Floats, step_s: float) -> None:
        shifted = np.concatenate([scores[:, None], self.recent[:, :-1]], axis=1)
        self.recent = np.where(seen[:, None], shifted, self.recent)
        now, before, earlier = np.abs(self.recent[:, :3]).T
        calm = _BACK * thresholds
        isolated = seen & (before > 0.8 * thresholds) & (now < calm) & (earlier < calm)
        kept = 0.5 ** (step_s / _HABIT_HALF_LIFE_S)
        self.habit = np.where(seen, np.minimum(self.habit * kept + isolated, _HABIT_MAX), self.habit)
        clipped = np.clip(scores, -_LEAN_MAX, _LEAN_MAX)[:, None] * np.array([1.0, -1.0])
        grown = np.clip(self.lean + clipped - _LEAN, 0.0, _LEAN_CAP)
        # A shift that has ended must not go on ringing.
        grown = np.where(clipped < 0.0, 0.7 * grown, grown)
        self.lean = np.where(seen[:, None], grown, self.lean)
        self.lean_age = np.where(self.lean > 0.0, self.lean_age + seen[:, None], 0.0)
