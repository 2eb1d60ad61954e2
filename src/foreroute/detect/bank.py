"""All series one window on: three ways of expecting the newest value, one score, one alarm. No series looks at another.

The score of a series is the median of three residuals, each in its own usual spread: against the one-step forecast,
against the usual day, and against the middle level. A failure ratio whose counts are known is scored by its binomial
test instead. Beside that, the last windows together are compared with the level before them. Nothing after the window is used, and what a window teaches is taken in only after it has been judged.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foreroute.detect import one_step
from foreroute.detect.columns import Bools, Floats, at_log_ratio, known, log_ratio
from foreroute.detect.evidence import Beside, Evidence, Judged
from foreroute.detect.lasting import Held, Lasting
from foreroute.detect.levels import Levels
from foreroute.detect.one_step import OneStep
from foreroute.detect.profile import DayProfile
from foreroute.detect.rates import FailureRate, poisson_score
from foreroute.detect.spread import FLOOR, Spread
from foreroute.detect.tail import Tail
from foreroute.detect.traits import Expectation, Traffic, Traits

VALUES_MIN: Final = 30
"""Measured windows needed before a series is judged."""
_FLOOR: Final = 0.2
"""Part of the usual size below which differences are small change."""
_CLIP: Final = 2.5
_CLIP_YOUNG: Final = 6.0
_YOUNG: Final = 120.0
_SETTLE: Final = 5.0
"""Windows after a mute or a long silence in which levels are learnt anew."""
_SILENCE: Final = 30.0
_UNSURE: Final = 15.0
"""After n windows thresholds are 1 + this / n times as high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The newest window of every series; shapes (series,)."""

    at: float
    """Its start."""
    step_s: float
    values: Floats
    """NaN where nothing was measured."""
    counts: Floats
    """Requests behind each value; NaN where nobody knows."""
    muted: Bools


@dataclass(frozen=True, slots=True)
class Verdict:
    """Shapes (series,). `scores` are signed, NaN where a series cannot be judged."""

    scores: Floats
    thresholds: Floats
    p_values: Floats
    expected: Floats
    evidence: Judged
    since: Floats
    alarms: Bools


@dataclass(slots=True)
class Bank:
    """The whole state. `step` is the only thing that changes it, apart from growing."""

    traits: Traits
    traffic: Traffic
    levels: Levels
    profile: DayProfile
    one_step: OneStep
    spread: Spread
    rate: FailureRate
    tail: Tail
    evidence: Evidence
    held: Held
    held_tail: Tail
    """Of the scores of what lasts."""

    def step(self, window: Window, *, rate: float) -> Verdict:
        """`rate`: the wanted share of usual windows that raise an alarm."""
        values = np.where(window.muted, np.nan, window.values)
        counts = np.where(window.muted, np.nan, window.counts)
        settling = self._settle(values, window.muted) > 0
        expectation = self._expect(window.at + window.step_s / 2.0)
        residuals = log_ratio(values[:, None], expectation.ways, expectation.floor[:, None])
        scores = median_of_three(residuals / self._spreads())
        scores = self._weighed(scores, values, expectation.ways[:, 0], counts)
        scores = np.where((self.levels.count >= VALUES_MIN) & ~settling, scores, np.nan)
        away = self.held.distances(values, expectation.usual_day, expectation.floor)
        lasting = self.held.judge(
            away, self.held_tail, rate, towards=known(scores), usual_day=expectation.usual_day
        )
        verdict = self._judge(scores, window, expectation, rate, lasting)
        self.held.learn(values, expectation.usual_day, expectation.floor, away, follow=settling)
        self._learn(
            values, residuals, expectation, settling=settling, middle_at=window.at + window.step_s / 2.0
        )
        beyond = np.abs(scores) > verdict.thresholds
        self.tail.learn(np.abs(scores))
        self.held_tail.learn(np.where(np.isfinite(scores), np.abs(lasting.score), np.nan))
        if self.traits.is_ratio.any():
            self.rate.learn(_failures(values, counts), counts, beyond)
        self.traffic.learn(counts)
        return verdict

    def _expect(self, middle_at: float) -> Expectation:
        levels = self.levels
        floor = np.maximum(_FLOOR * known(levels.size), self.traits.floors)
        usual_day = self.profile.usual(middle_at)
        today = usual_day * self.profile.scale
        size = np.maximum(np.abs(levels.middle), floor)
        seen = one_step.features((levels.last, levels.fast, levels.slow, today), levels.middle, size)
        forecast = levels.middle + size * self.one_step.expected(seen)
        return Expectation(floor, size, usual_day, seen, np.stack([forecast, today, levels.middle], axis=1))

    def _judge(
        self, scores: Floats, window: Window, expectation: Expectation, rate: float, lasting: Lasting
    ) -> Verdict:
        unsure = 1.0 + _UNSURE / np.maximum(self.levels.count, 1.0)
        tested = self._tested(window.counts)
        thresholds = np.where(tested, self.tail.normal_threshold(rate), self.tail.threshold(rate)) * unsure
        # The binomial test looks at several windows itself, and knows better.
        lasts = np.where(tested, 0.0, lasting.ratio / unsure)
        beside = Beside(lasts, lasting.back & ~tested, tested, self.traits.is_traffic)
        judged = self.evidence.judge(scores, thresholds, window.step_s, beside=beside)
        alarms: Bools = judged.ratio >= 1.0
        self.evidence.note(alarms, np.isfinite(scores), window.at)
        p_values = self.tail.p_values(np.abs(scores))
        expected = np.where(tested, self.rate.usual(), expectation.ways[:, 0])
        together = lasts >= 1.0
        return Verdict(
            scores=scores,
            thresholds=thresholds,
            p_values=np.where(together, np.minimum(p_values, lasting.p_values), p_values),
            expected=np.where(together, lasting.expected, expected),
            evidence=judged,
            since=self.evidence.since.copy(),
            alarms=alarms,
        )

    def _settle(self, values: Floats, muted: Bools) -> Floats:
        """How many windows are still needed until a series may be judged again."""
        traffic = self.traffic
        measured = np.isfinite(values)
        void = muted | (measured & (traffic.silent >= _SILENCE))
        self.evidence.forget(void)
        traffic.settle = np.where(void, _SETTLE, np.maximum(traffic.settle - measured, 0.0))
        traffic.silent = np.where(measured, 0.0, traffic.silent + 1.0)
        return traffic.settle

    def _tested(self, counts: Floats) -> Bools:
        tested: Bools = self.traits.is_ratio & np.isfinite(counts)
        return tested

    def _weighed(self, scores: Floats, values: Floats, expected: Floats, counts: Floats) -> Floats:
        """Scores that know how much traffic stands behind a value."""
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.sqrt(np.clip(counts / self.traffic.usual, 0.0, 1.0))
        scores = scores * np.where(np.isfinite(share), share, 1.0)
        if self.traits.is_count.any():
            by_count = np.sign(scores) * np.minimum(np.abs(scores), poisson_score(values, expected))
            scores = np.where(self.traits.is_count, by_count, scores)
        if self.traits.is_ratio.any():
            by_rate = self.rate.score(_failures(values, counts), counts)
            scores = np.where(self._tested(counts), by_rate, scores)
        return scores

    def _spreads(self) -> Floats:
        return np.maximum(self.spread.scale, FLOOR)

    def _learn(
        self,
        values: Floats,
        residuals: Floats,
        expectation: Expectation,
        *,
        settling: Bools,
        middle_at: float,
    ) -> None:
        levels = self.levels
        clip = np.where(levels.count < _YOUNG, _CLIP_YOUNG, _CLIP)
        trimmed = self._trimmed(values, residuals, expectation, clip)
        trimmed = np.where(settling, values, trimmed)
        with np.errstate(invalid="ignore"):
            outcome = (trimmed - levels.middle) / expectation.size
        learners = np.isfinite(outcome) & ~settling & (levels.count > 5)
        self.one_step.learn(expectation.features, known(outcome), rows=learners)
        self.spread.learn(values, residuals, levels.count, clip, rows=~settling)
        self.profile.learn(trimmed, expectation.usual_day, middle_at, expectation.floor)
        levels.learn(trimmed, follow=settling)

    def _trimmed(self, values: Floats, residuals: Floats, expectation: Expectation, clip: Floats) -> Floats:
        """Values no further from their one-step forecast than a few usual spreads."""
        forecast, floor = expectation.ways[:, 0], expectation.floor
        limit = clip * self._spreads()[:, 0]
        to = np.sign(residuals[:, 0]) * limit
        linear = forecast + to * (np.abs(forecast) + floor)
        near = np.where(forecast >= 0.0, at_log_ratio(forecast, to, floor), linear)
        return np.where(np.abs(residuals[:, 0]) > limit, near, values)


PARTS: Final[dict[str, type[Any]]] = {
    "traits": Traits,
    "traffic": Traffic,
    "levels": Levels,
    "profile": DayProfile,
    "one_step": OneStep,
    "spread": Spread,
    "rate": FailureRate,
    "tail": Tail,
    "evidence": Evidence,
    "held": Held,
    "held_tail": Tail,
}


def new_bank(rows: int) -> Bank:
    return Bank(**{name: kind.empty(rows) for name, kind in PARTS.items()})


def _failures(ratios: Floats, attempts: Floats) -> Floats:
    return np.round(np.clip(ratios, 0.0, 1.0) * attempts)


def median_of_three(scores: Floats) -> Floats:
    """(series, 3) → (series,). Where the second is not known, the smaller of the others, or 0 if they disagree."""
    first, second, third = scores.T
    middle = np.maximum(np.minimum(first, second), np.minimum(np.maximum(first, second), third))
    agreed = np.where(np.sign(first) == np.sign(third), np.minimum(np.abs(first), np.abs(third)), 0.0)
    both = np.where(np.isfinite(first) & np.isfinite(third), np.sign(first) * agreed, np.nan)
    return np.where(np.isfinite(second), middle, both)
