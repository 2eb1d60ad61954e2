"""How surprising counts are: failures out of attempts, and events per window. Right with a handful of them too.

Both tests give the signed root of the likelihood ratio, √(2·n·KL), as a score on the scale of a normal deviation. For
the binomial with one failure taken away, its normal tail is never smaller than the exact chance of at least so many
failures (Zubkov & Serov 2013), so few attempts cannot raise an alarm by themselves.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.detect.columns import Bools, Floats, known

SPANS: Final = (1, 2, 3, 5, 10)
"""How many of the newest windows are tested together."""
_WINDOWS: Final = max(SPANS)
_NEWEST: Final = SPANS.index(3)
_STILL: Final = 1.0
"""The newest three windows have to score this for those before them to count."""
_MEMORY: Final = 0.003
_LESSON: Final = 0.05
_PRIOR_FAILURES: Final = 0.5
_PRIOR_ATTEMPTS: Final = 50.0
"""A channel that nothing is known about is taken to fail once in a hundred attempts."""


def binomial_score(failures: Floats, attempts: Floats, ratio: Floats) -> Floats:
    """How far `failures` of `attempts` lie above the usual `ratio` (0…1); 0 where they do not. NaN stays NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = np.maximum(failures - 1.0, 0.0) / attempts
        usual = np.clip(ratio, 1e-9, 1.0 - 1e-9)
        divergence = _times_log(seen, seen / usual) + _times_log(1.0 - seen, (1.0 - seen) / (1.0 - usual))
        score = np.sqrt(2.0 * attempts * np.maximum(divergence, 0.0))
        return np.where(seen > usual, score, np.where(np.isfinite(failures) & (attempts >= 0), 0.0, np.nan))


def poisson_score(events: Floats, expected: Floats) -> Floats:
    """How far `events` lie from their expectation, ≥ 0, on either side."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.maximum(expected, 1e-9)
        divergence = _times_log(events, events / mean) - (events - mean)
        return np.sqrt(2.0 * np.maximum(divergence, 0.0))


def _times_log(factor: Floats, value: Floats) -> Floats:
    """The product factor · ln(value), 0 where the factor is 0."""
    return np.where(factor > 0.0, factor * np.log(np.where(factor > 0.0, value, 1.0)), 0.0)


@dataclass(slots=True)
class FailureRate:
    """The usual failure ratio of each series, from counts, and its last windows."""

    failures: Floats
    """Exponentially weighted sums, (series,)."""
    attempts: Floats
    recent: Floats
    """(series, 2, _WINDOWS): failures and attempts of the last windows, newest first; 0 where nothing was measured."""

    @classmethod
    def empty(cls, rows: int) -> "FailureRate":
        return cls(np.zeros(rows), np.zeros(rows), np.zeros((rows, 2, _WINDOWS)))

    def usual(self) -> Floats:
        return (self.failures + _PRIOR_FAILURES) / (self.attempts + _PRIOR_ATTEMPTS)

    def score(self, failures: Floats, attempts: Floats) -> Floats:
        """The most surprising of the newest window and of the last few together; NaN without attempts now."""
        self._shift(failures, attempts)
        usual = self.usual()
        # What is usual is itself only known so well.
        usual = usual + np.sqrt(usual * (1.0 - usual) / (self.attempts + _PRIOR_ATTEMPTS))
        sums = [self.recent[:, :, :span].sum(axis=2) for span in SPANS]
        scores = [binomial_score(one[:, 0], one[:, 1], usual) for one in sums]
        # What has ended is no trouble, however bad it was. At little traffic one good window is no end.
        score = np.where(scores[_NEWEST] >= _STILL, np.max(scores, axis=0), 0.0)
        return np.where(attempts > 0, score, np.nan)

    def learn(self, failures: Floats, attempts: Floats, beyond: Bools) -> None:
        measured = np.isfinite(failures) & (attempts > 0)
        weight = np.where(measured, np.where(beyond, _LESSON, 1.0), 0.0)
        self.failures = self.failures * (1.0 - _MEMORY * weight) + weight * known(failures)
        self.attempts = self.attempts * (1.0 - _MEMORY * weight) + weight * known(attempts)

    def _shift(self, failures: Floats, attempts: Floats) -> None:
        newest = known(np.stack([failures, attempts], axis=1))[:, :, None]
        self.recent = np.concatenate([newest, self.recent[:, :, :-1]], axis=2)
