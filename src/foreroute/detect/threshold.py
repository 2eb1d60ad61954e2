"""When a score becomes an anomaly: a threshold that learns from the series' own scores, without labels.

The scores above their 90th percentile are taken to fall off exponentially (peaks over threshold, as Siffer et al.
2017 with a shape of zero); the threshold is where that tail is as rare as the wanted false-alarm rate. Until enough
scores are known, a cautious default holds, and the learnt one never falls below half of it.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

_KEPT: Final = 1440
_ENOUGH: Final = 120
_TAIL: Final = 0.1
_LESSON_MAX: Final = 1.2


@dataclass(slots=True)
class Threshold:
    """For one series and detector. `rate` is the wanted share of windows that are flagged without cause."""

    default: float
    rate: float
    scores: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def value(self) -> float:
        count = len(self.scores)
        if count < _ENOUGH:
            return self.default
        ordered = sorted(self.scores)
        start = ordered[math.ceil(count * (1.0 - _TAIL)) - 1]
        excess = [score - start for score in ordered[-math.ceil(count * _TAIL) :] if score > start]
        # A detector that answers 0 most of the time has a thinner tail than a tenth.
        share = len(excess) / count
        reach = sum(excess) / len(excess) * math.log(share / self.rate) if share > self.rate else 0.0
        return max(start + reach, 0.5 * self.default)

    def learn(self, score: float, threshold: float) -> None:
        """A flagged score counts as just above the threshold: an incident must not teach that incidents are usual,
        while a change that stays does become usual.
        """
        self.scores.append(min(score, _LESSON_MAX * threshold))
