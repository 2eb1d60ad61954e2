"""From score to probability without labels: running quantiles of each series' own scores, and a tail beyond them.

The quantiles at 90, 98 and 99.5 % are followed by stochastic approximation (Robbins & Monro 1951); between them a
score's rank is its conformal p-value. Beyond, the scores are taken to fall off exponentially, as peaks over a threshold
do (Pickands 1975; without labels: Siffer et al. 2017), at the mean of the two slopes that the quantiles show. Quantiles
instead of the mean excess, because real incidents are a good part of the largest scores and must not set the slope; the
slopes are stretched by a third, because tails of real metrics are heavier than exponential.

A score far beyond the 98 % quantile teaches a twentieth of what a usual one does: an incident does not teach that
incidents are usual, while a change that stays is learnt in the end.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from foreroute.detect.columns import Floats

_TAILS: Final = np.array([0.1, 0.02, 0.005])
_PRIOR: Final = np.array([1.6, 2.4, 3.2])
"""What scores of many real series have in common; a new series starts from it."""
_STEPS: Final = np.array([3.0, 6.0, 10.0])
_MEMORY: Final = 1.0 / 3000.0
_PRIOR_WINDOWS: Final = 300.0
_APART: Final = 1.05
_STRETCH: Final = 1.3
_LESSON: Final = 0.05
_FAR: Final = 3.0
_FAR_AT_LEAST: Final = 4.0
LOWEST, HIGHEST = 3.5, 12.0
"""No threshold below: fewer than one in two thousand usual windows is beyond in any series seen. None above: a
manyfold change is news in every series."""


@dataclass(slots=True)
class Tail:
    quantiles: Floats
    """(series, 3)"""
    count: Floats

    @classmethod
    def empty(cls, rows: int) -> "Tail":
        return cls(np.tile(_PRIOR, (rows, 1)), np.zeros(rows))

    def threshold(self, rate: float) -> Floats:
        """The score that a share `rate` of usual windows exceeds, (series,)."""
        _, high, top = self.quantiles.T
        first, second = self._slopes()
        reach = high + first * np.log(_TAILS[1] / rate), top + second * np.log(_TAILS[2] / rate)
        threshold: Floats = np.clip((reach[0] + reach[1]) / 2.0, LOWEST, HIGHEST)
        return threshold

    def normal_threshold(self, rate: float) -> Floats:
        """The same for scores that are normal deviations when nothing is wrong, and often 0: the law's own threshold,
        stretched by how much further the series' 99.5 % quantile lies than the law's.
        """
        law, quantile = NormalDist().inv_cdf(1.0 - rate), NormalDist().inv_cdf(1.0 - _TAILS[2])
        threshold: Floats = np.clip(self.quantiles[:, 2] / quantile, 1.0, HIGHEST / law) * law
        return threshold

    def p_values(self, scores: Floats) -> Floats:
        """The share of usual windows that score at least so high, (series,)."""
        low, high, top = self.quantiles.T
        first, second = self._slopes()
        below = 1.0 - (1.0 - _TAILS[0]) * np.clip(scores / low, 0.0, 1.0)
        # The mean of the two reaches, solved for the probability.
        middle = (high + first * np.log(_TAILS[1]) + top + second * np.log(_TAILS[2])) / 2.0
        beyond = np.exp((middle - scores) / ((first + second) / 2.0))
        p_values: Floats = np.where(scores < low, below, np.clip(beyond, 0.0, _TAILS[0]))
        return p_values

    def learn(self, scores: Floats) -> None:
        """NaN teaches nothing."""
        seen = np.isfinite(scores)
        low, high, _ = self.quantiles.T
        far = scores > np.maximum(high + _FAR * (high - low), _FAR_AT_LEAST)
        weight = np.maximum(_MEMORY, 1.0 / (self.count + _PRIOR_WINDOWS)) * np.where(far, _LESSON, 1.0) * seen
        above = scores[:, None] > self.quantiles
        moved = self.quantiles * (1.0 + weight[:, None] * _STEPS * (above - _TAILS))
        moved[:, 1] = np.maximum(moved[:, 1], _APART * moved[:, 0])
        moved[:, 2] = np.maximum(moved[:, 2], _APART * moved[:, 1])
        self.quantiles = moved
        self.count = self.count + seen

    def _slopes(self) -> tuple[Floats, Floats]:
        """Score per unit of −ln(probability), between the first two quantiles and between the last two."""
        low, high, top = self.quantiles.T
        first = np.maximum(high - low, 0.1) / np.log(_TAILS[0] / _TAILS[1])
        second = np.maximum(top - high, 0.1) / np.log(_TAILS[1] / _TAILS[2])
        return _STRETCH * first, _STRETCH * second
