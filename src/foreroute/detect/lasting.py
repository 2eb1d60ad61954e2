"""What lasts: the newest windows together, against a level that is held while they differ from it.

One minute of a noisy series says little, five of them say much. The middle one of the last few is tested against what
was usual before, in its own usual spread: neighbours that resemble each other count for no more than they are worth,
and single spikes for nothing. The level follows slowly, and hardly at all while the series is away from it. So a fault
does not become usual while it lasts, and its end is a return, not a second change.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.detect.columns import Bools, Floats, at_log_ratio, known, log_ratio
from foreroute.detect.spread import NORMAL
from foreroute.detect.tail import Tail

SPANS: Final = (5, 9)
"""How many of the newest windows are tested together."""
_WINDOWS: Final = max(SPANS)
_FOLLOW: Final = 1.0 / 25.0
_FOLLOW_AWAY: Final = 0.05
"""Part of its usual pace at which the level follows a series that is away from it."""
_JUMP: Final = 0.5
_AWAY: Final = 3.0
_ADOPT: Final = 80.0
"""Windows after which a level that the series stays away from is given up for the new one."""
_ADOPTS_FOR: Final = 5.0
_YOUNG: Final = 60.0
_MEMORY: Final = 0.003
_CLIP: Final = 3.0
_SMALLEST, _LARGEST = 0.02, 0.6
_START: Final = 0.1
_BEYOND: Final = 1.25
"""Of the threshold for one window: several spans are looked at, each in every window."""
_RISE, _FALL = 0.3, 0.25
"""The smallest change worth an alarm, as a log-ratio with its floor: by two fifths upwards, by a quarter downwards."""
_STILL: Final = 0.5
"""Part of the middle distance at which the newest window has to be."""
_BACK: Final = 0.15
"""A log-ratio: nearer than this to the held level is back at it."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """Shapes (series,)."""

    score: Floats
    """Signed; NaN where nothing was measured."""
    ratio: Floats
    """≥ 1 is an alarm."""
    p_values: Floats
    back: Bools
    """Whether the newest window is no further than usual from the held level, or on the other side of it than `towards`."""
    expected: Floats


@dataclass(slots=True)
class Held:
    """Two levels, plain and as a part of the usual day; the last distances from them; how large those usually are."""

    plain: Floats
    """(series,), NaN until the first value."""
    share: Floats
    """(series,): value over the usual day; NaN until a day is known."""
    recent: Floats
    """(series, _WINDOWS): signed log-ratios, newest first; 0 where nothing was measured."""
    scale: Floats
    """(series, SPANS): usual size of the middle distance, about a standard deviation."""
    away: Floats
    """Windows in a row that the series has been away."""
    count: Floats

    @classmethod
    def empty(cls, rows: int) -> "Held":
        none, zeros = np.full(rows, np.nan), np.zeros(rows)
        spans = np.full((rows, len(SPANS)), _START)
        return cls(none, none.copy(), np.zeros((rows, _WINDOWS)), spans, zeros, zeros.copy())

    def distances(self, values: Floats, usual_day: Floats, floor: Floats) -> Floats:
        """(series, SPANS): the middle distance of the last windows, the newest among them; NaN without a value now.

        Of the two levels the nearer counts, and neither where they disagree about the side.
        """
        plain, share = self._both(values, usual_day, floor)
        nearer = np.where(np.sign(plain) == np.sign(share), np.minimum(np.abs(plain), np.abs(share)), 0.0)
        now = np.where(np.isfinite(share), np.sign(plain) * nearer, plain)
        measured = np.isfinite(now)
        shifted = np.concatenate([known(now)[:, None], self.recent[:, :-1]], axis=1)
        self.recent = np.where(measured[:, None], shifted, self.recent)
        middles = [np.sort(self.recent[:, :span], axis=1)[:, span // 2] for span in SPANS]
        return np.where(measured[:, None], np.stack(middles, axis=1), np.nan)

    def judge(
        self, distances: Floats, tail: Tail, rate: float, *, towards: Floats, usual_day: Floats
    ) -> Lasting:
        """`towards`: the sides of the newest windows, from their own scores. `rate` as in `Bank.step`."""
        scores = distances / self.scale
        rows, most = np.arange(len(scores)), np.argmax(np.abs(known(scores)), axis=1)
        score, effect = scores[rows, most], np.abs(known(distances[rows, most]))
        size, side, now = np.abs(known(score)), np.sign(known(score)), self.recent[:, 0]
        enough = np.minimum(
            size / (_BEYOND * tail.threshold(rate)), effect / np.where(side > 0, _RISE, _FALL)
        )
        return Lasting(
            score=score,
            ratio=np.where(now * side > _STILL * effect, enough, 0.0),
            p_values=tail.p_values(size),
            back=now * np.sign(towards) < _BACK,
            expected=self._expected(usual_day),
        )

    def learn(
        self, values: Floats, usual_day: Floats, floor: Floats, distances: Floats, *, follow: Bools
    ) -> None:
        """After the values have been judged. Where `follow`, the levels jump after them: the past is void."""
        measured = np.isfinite(values)
        away: Bools = np.any(np.abs(known(distances)) > _AWAY * self.scale, axis=1)
        self.away = np.where(away | (self.away >= _ADOPT), self.away + measured, 0.0)
        jump = follow | (self.away >= _ADOPT)
        self._follow(values, usual_day, floor, away=away, jump=jump)
        weight = np.maximum(_MEMORY, 1.0 / (self.count + 20.0))[:, None]
        seen = np.minimum(np.abs(distances), _CLIP * self.scale) * NORMAL
        learnt = np.clip(self.scale + weight * (seen - self.scale), _SMALLEST, _LARGEST)
        self.scale = np.where(np.isfinite(seen) & ~follow[:, None], learnt, self.scale)
        self.recent[jump] = 0.0
        self.away[follow | (self.away >= _ADOPT + _ADOPTS_FOR)] = 0.0
        self.count = self.count + measured

    def _follow(self, values: Floats, usual_day: Floats, floor: Floats, *, away: Bools, jump: Bools) -> None:
        weight = np.maximum(_FOLLOW * np.where(away, _FOLLOW_AWAY, 1.0), 1.0 / (self.count + 1.0))
        weight = np.where(jump, _JUMP, weight)
        limit = np.where(jump | (self.count < _YOUNG), np.inf, _CLIP * self.scale[:, 0])
        to_plain, to_share = (
            weight * np.clip(one, -limit, limit) for one in self._both(values, usual_day, floor)
        )
        self.plain = _moved(self.plain, values, to_plain, floor)
        usable = np.isfinite(usual_day) & (np.abs(usual_day) > floor)
        part = np.where(usable, values / np.where(usable, usual_day, 1.0), np.nan)
        self.share = _moved(self.share, part, to_share, floor / np.maximum(np.abs(usual_day), floor))

    def _both(self, values: Floats, usual_day: Floats, floor: Floats) -> tuple[Floats, Floats]:
        return log_ratio(values, self.plain, floor), log_ratio(values, self.share * usual_day, floor)

    def _expected(self, usual_day: Floats) -> Floats:
        today = self.share * usual_day
        return np.where(np.isfinite(today), today, self.plain)


def _moved(level: Floats, value: Floats, ratio: Floats, floor: Floats) -> Floats:
    """The level by that log-ratio nearer to the value; the value itself where there was no level."""
    near = np.where(level >= 0.0, at_log_ratio(level, ratio, floor), level + ratio * (np.abs(level) + floor))
    return np.where(np.isfinite(level), np.where(np.isfinite(value), near, level), value)
