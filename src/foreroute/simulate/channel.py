"""How a simulated channel answers: a work-based latency model with public measurements behind its ranges.

Published probes of hosted models show times to first token of 0.56 to 2.7 s at the median with p95/p50 of 1.3
to 3.7, and daily swings of 30 to 40 %. Local servers are faster and steadier.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from random import Random
from statistics import NormalDist
from typing import Final

from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId
from foreroute.simulate.limits import Quota, RateLimits

_NORMAL: Final = NormalDist()
_Z95: Final = _NORMAL.inv_cdf(0.95)
_MILLION: Final = Decimal(1_000_000)
_DAY_S: Final = 86_400.0
_WEEK_S: Final = 7 * _DAY_S
_SATURDAY_S: Final = 2 * _DAY_S
"""The epoch began on a Thursday."""
_EDGE_S: Final = 10_800.0
"""The weekend begins and ends within three hours, not at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How much a channel can do at once, of what is the operator's share of it."""

    slots: int
    """So many requests are worked on at a time; the others wait in line."""
    queue_max: int = 50
    """So many wait; the next one is told that the server is overloaded."""
    strain: float = 0.5
    """How much slower everything is when all slots are busy than when none is: 0.5 is half as slow again. The
    slowing grows with the square of the load, as batches do on accelerators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrice:
    """US dollars per million tokens."""

    input_usd: Decimal
    output_usd: Decimal

    def cost_usd(self, usage: Usage) -> Decimal:
        inputs = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
        return (inputs * self.input_usd + usage.output_tokens * self.output_usd) / _MILLION


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
    weekend: float = 0.0
    """How much faster it is on Saturdays and Sundays (UTC), as a share: 0.1 is a tenth."""
    hours: tuple[float, ...] = ()
    """24 factors on the median, one for the middle of each hour (UTC), from a calibration; empty: none."""
    roam: float = 0.0
    """Standard deviation of the logarithm of a level that wanders without a clock: see `draws.Roam`."""
    noise: tuple[tuple[float, float], ...] = ()
    """(rank, factor) of the noise of single requests, by rank, from a calibration; empty: lognormal with `spread`."""
    token_spread: float = 1.2
    """p95 / p50 of the time per output token, over 1."""
    paired: bool = False
    """A request's luck with its first token is its luck with all the others."""
    capacity: Capacity | None = None
    """None: as much as anybody asks for."""
    limits: RateLimits | None = None
    quota: Quota | None = None
    price: UnitPrice | None = None
    """None: nobody knows."""

    def load_factor(self, at: float) -> float:
        """The channel's own ups and downs at an instant, around 1; no chance in it."""
        daily = self.swing * math.cos((at - self.peak_at_s) / 86400 * 2 * math.pi)
        phase = _phase(self.channel.id)
        slow = 0.7 * math.sin((at / 60 + phase) / 97 * 2 * math.pi)
        fast = 0.3 * math.sin((at / 60 + 3 * phase) / 41 * 2 * math.pi)
        level = 1.0 + daily + self.wander * (slow + fast)
        if self.hours:
            level *= profile_at(self.hours, at)
        if self.weekend:
            level *= 1.0 - self.weekend * weekend_share(at)
        return level

    def sample_first_chunk_s(self, rng: Random, *, at: float, slowdown: float, input_tokens: int) -> float:
        """One draw: lognormal around the median, so that p95/p50 is `spread`."""
        sigma = math.log(self.spread) / _Z95
        noise = math.exp(sigma * rng.gauss(0.0, 1.0))
        return self._median_s(at, slowdown, input_tokens) * noise

    def first_chunk_p95_s(self, *, at: float, slowdown: float, input_tokens: int) -> float:
        """The true 95th percentile for prompts of this length: what no observer can see without noise."""
        return self._median_s(at, slowdown, input_tokens) * (
            self.noise_at(0.95) if self.noise else self.spread
        )

    def usual_first_chunk_s(self, input_tokens: int) -> float:
        """The median at a quiet hour."""
        return self.first_chunk_s + self.input_token_s * input_tokens

    def noise_at(self, uniform: float) -> float:
        """The factor on a request's time to first token that this rank of luck brings."""
        if self.noise:
            return quantile_at(self.noise, uniform)
        return _lognormal(self.spread, uniform)

    def token_noise_at(self, noise: float, speed: float) -> float:
        """The factor on the time per token, by both lots that a request has drawn."""
        return self.noise_at(noise) if self.paired else _lognormal(self.token_spread, speed)

    @property
    def noise_mean(self) -> float:
        """The mean of `noise_at` over all ranks."""
        if not self.noise:
            return math.exp((math.log(self.spread) / _Z95) ** 2 / 2)
        return sum(quantile_at(self.noise, (rank + 0.5) / 1000) for rank in range(1000)) / 1000

    @property
    def token_noise_mean(self) -> float:
        return self.noise_mean if self.paired else math.exp((math.log(self.token_spread) / _Z95) ** 2 / 2)

    def _median_s(self, at: float, slowdown: float, input_tokens: int) -> float:
        return (self.first_chunk_s + self.input_token_s * input_tokens) * self.load_factor(at) * slowdown


@cache
def _phase(channel: ChannelId) -> int:
    """Where in its waves a channel is at the epoch: its own, by its name."""
    return sum(channel.encode()) % 97


def _lognormal(spread: float, uniform: float) -> float:
    return math.exp(math.log(spread) / _Z95 * _NORMAL.inv_cdf(uniform))


def quantile_at(table: Sequence[tuple[float, float]], uniform: float) -> float:
    """Between two ranks of a table the logarithm is linear; outside, its first and last values hold."""
    place = bisect_right(table, (uniform, math.inf))
    if place == 0:
        return table[0][1]
    if place == len(table):
        return table[-1][1]
    (low, below), (high, above) = table[place - 1], table[place]
    share = (uniform - low) / (high - low)
    return math.exp(math.log(below) + share * (math.log(above) - math.log(below)))


def profile_at(hours: Sequence[float], at: float) -> float:
    """Between the middles of two hours the factor is linear."""
    place = (at / 3600.0 - 0.5) % 24.0
    hour = int(place)
    share = place - hour
    return hours[hour] * (1.0 - share) + hours[(hour + 1) % 24] * share


def weekend_share(at: float) -> float:
    """0 on weekdays, 1 on Saturdays and Sundays (UTC), with edges of three hours."""
    into = (at - _SATURDAY_S) % _WEEK_S
    if into < 2 * _DAY_S:
        return min(1.0, into / _EDGE_S, (2 * _DAY_S - into) / _EDGE_S)
    return 0.0
