"""When a score becomes an anomaly: a threshold that learns from the series' own scores, without labels.

The tail of the scores above their 90th percentile is taken as exponential (peaks over threshold); the threshold is
where that tail is as rare as the wanted false-alarm rate. Until enough scores are known, a cautious default holds, and
the learnt one never falls below half of it.
"""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

_KEPT = 1440
_ENOUGH = 120
_TAIL = 0.1


@dataclass(slots=True)
class Threshold:
    """For one series and detector. `rate` is the wanted share of windows that are flagged without cause."""

    default: float
    rate: float
    scores: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def value(self) -> float:
        if len(self.scores) < _ENOUGH:
            return self.default
        scores = np.fromiter(self.scores, float)
        start = float(np.quantile(scores, 1.0 - _TAIL))
        excess = scores[scores > start] - start
        mean_excess = float(np.mean(excess)) if len(excess) else 0.0
        return max(start + mean_excess * math.log(_TAIL / min(self.rate, _TAIL)), 0.5 * self.default)

    def learn(self, score: float, threshold: float) -> None:
        """A flagged score counts as just above the threshold: an incident must not teach that incidents are usual,
        while a change that stays does become usual.
        """
        self.scores.append(min(score, 1.2 * threshold))
