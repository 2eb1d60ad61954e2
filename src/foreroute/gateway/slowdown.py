"""How much slower a channel answers now than it usually does. Pure: the time of each answer is handed in.

Two averages of latency per unit of work. The fast one jumps up to every peak and decays (peak EWMA, as in
Twitter's Finagle); the slow one is the channel's own norm. Their ratio makes channels comparable that differ in
price and size by design: shares that somebody chose for a slow, cheap channel stay as they are while it is its
usual self.
"""

import math
from typing import Final

_FAST_S: Final = 10.0
_NORM_S: Final = 600.0
_RATIO_MAX: Final = 50.0
"""However slow a channel was, it is looked at again within a minute."""
_WARM_UP_ANSWERS: Final = 10
"""Before so many answers the norm is a plain mean, and no slowdown is claimed."""
_INPUT_TOKENS_PER_UNIT: Final = 2000.0
_OUTPUT_TOKENS_PER_UNIT: Final = 100.0


def work_of(input_tokens: int, output_tokens: int) -> float:
    """Units of work, ≥ 1: rough, but enough to tell a long answer from a slow one."""
    return 1.0 + input_tokens / _INPUT_TOKENS_PER_UNIT + output_tokens / _OUTPUT_TOKENS_PER_UNIT


class Slowdown:
    """One channel's. Instants and latencies in seconds."""

    def __init__(self) -> None:
        self._answers = 0
        self._fast = self._log_norm = 0.0
        self._at = -math.inf

    @property
    def usual_s(self) -> float:
        """The norm per unit of work; infinity while nothing is known."""
        return math.exp(self._log_norm) if self._answers else math.inf

    def observe(self, latency_s: float, work: float, at: float) -> None:
        value = max(latency_s, 1e-4) / work
        passed_s = max(0.0, at - self._at) if self._answers else 0.0
        self._at = at
        self._answers += 1
        keep = math.exp(-passed_s / _FAST_S)
        first = self._answers == 1
        self._fast = value if first or value > self._fast else keep * self._fast + (1.0 - keep) * value
        share = max(
            1.0 / self._answers if self._answers <= _WARM_UP_ANSWERS else 0.0,
            1.0 - math.exp(-passed_s / _NORM_S),
        )
        self._log_norm += share * (math.log(value) - self._log_norm)

    def ratio(self, at: float) -> float:
        """≥ 1. Fades when nothing is heard, so that a channel that was slow is looked at again."""
        if self._answers < _WARM_UP_ANSWERS:
            return 1.0
        now = min(_RATIO_MAX, max(1.0, self._fast / math.exp(self._log_norm)))
        return 1.0 + (now - 1.0) * math.exp(-max(0.0, at - self._at) / _FAST_S)
