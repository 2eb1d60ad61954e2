"""How a simulated channel answers: a work-based latency model with public measurements behind its ranges.

Published probes of hosted models show times to first token of 0.56 to 2.7 s at the median with p95/p50 of 1.3
to 3.7, and daily swings of 30 to 40 %. Local servers are faster and steadier.
"""

import math
from dataclasses import dataclass
from random import Random
from statistics import NormalDist
from typing import Final

from foreroute.core.channel import Channel

_Z95: Final = NormalDist().inv_cdf(0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelModel:
    """The truth about one channel, seconds throughout."""

    channel: Channel
    first_chunk_s: float
    """Median time to the first token of a short prompt at a quiet hour."""
    spread: float
    """p95 / p50 of the time to first token, over 1."""
    token_s: float
    """Per output token."""
    input_token_s: float = 0.00001
    """Per prompt token, added to the time to first token."""
    swing: float = 0.0
    """Half the height of the daily wave, as a share of the median: 0.15 is ±15 %."""
    peak_at_s: float = 0.0
    """Seconds after midnight UTC at which the wave is highest."""
    wander: float = 0.0
    """Half the height of a slower and a faster wave of 97 and 41 minutes: load that comes and goes."""
    failure_ratio: float = 0.0005

    def load_factor(self, at: float) -> float:
        """The channel's own ups and downs at an instant, around 1; no chance in it."""
        daily = self.swing * math.cos((at - self.peak_at_s) / 86400 * 2 * math.pi)
        phase = sum(self.channel.id.encode()) % 97
        slow = 0.7 * math.sin((at / 60 + phase) / 97 * 2 * math.pi)
        fast = 0.3 * math.sin((at / 60 + 3 * phase) / 41 * 2 * math.pi)
        return 1.0 + daily + self.wander * (slow + fast)

    def sample_first_chunk_s(self, rng: Random, *, at: float, slowdown: float, input_tokens: int) -> float:
        """One draw: lognormal around the median, so that p95/p50 is `spread`."""
        sigma = math.log(self.spread) / _Z95
        noise = math.exp(sigma * rng.gauss(0.0, 1.0))
        return self._median_s(at, slowdown, input_tokens) * noise

    def first_chunk_p95_s(self, *, at: float, slowdown: float, input_tokens: int) -> float:
        """The true 95th percentile for prompts of this length: what no observer can see without noise."""
        return self._median_s(at, slowdown, input_tokens) * self.spread

    def _median_s(self, at: float, slowdown: float, input_tokens: int) -> float:
        return (self.first_chunk_s + self.input_token_s * input_tokens) * self.load_factor(at) * slowdown
