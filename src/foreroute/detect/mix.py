"""Has the channel changed, or what is asked of it? A change of latency split by work and load. Pure.

Latency is taken to be log-linear in what a request asks for: twice the output takes 2^`output` times as long, and so
on. What those factors do not explain is the channel's own.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from foreroute.core.series import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Means over the requests of some windows. Tokens per request; `concurrency`: requests at the same time."""

    input_tokens: float
    output_tokens: float
    concurrency: float
    latency_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Elasticities:
    """By which power latency follows each; 0…1 in usual service. The defaults are of whole answers of hosted models,
    whose time is nearly all output; measure your own where you can.
    """

    input_tokens: float = 0.1
    output_tokens: float = 0.8
    concurrency: float = 0.3


FIRST_CHUNK = Elasticities(input_tokens=0.3, output_tokens=0.0, concurrency=0.3)
"""Before the first chunk the prompt is read, and nothing is written yet."""


def elasticities_of(metric: Metric) -> Elasticities:
    first = metric in {Metric.FIRST_CHUNK_P50, Metric.FIRST_CHUNK_P95}
    return FIRST_CHUNK if first else Elasticities()


class Cause(StrEnum):
    INPUT = "longer or shorter prompts"
    OUTPUT = "longer or shorter answers"
    CONCURRENCY = "more or fewer requests at a time"
    CHANNEL = "the channel itself"
    NONE = "no change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Natural logarithms of factors: they add up to `total`, the logarithm of latency now over latency before."""

    total: float
    input_tokens: float
    output_tokens: float
    concurrency: float
    channel: float

    @property
    def mix_ratio(self) -> float:
        """Share of what changed that comes from the traffic, 0…1."""
        mix = abs(self.input_tokens) + abs(self.output_tokens) + abs(self.concurrency)
        whole = mix + abs(self.channel)
        return mix / whole if whole else 0.0

    @property
    def cause(self) -> Cause:
        """The largest part that goes the way of the whole; less than a twentieth is no change."""
        if abs(self.total) < 0.05:
            return Cause.NONE
        parts = {
            Cause.CHANNEL: self.channel,
            Cause.OUTPUT: self.output_tokens,
            Cause.INPUT: self.input_tokens,
            Cause.CONCURRENCY: self.concurrency,
        }
        return max(parts, key=lambda cause: parts[cause] * math.copysign(1.0, self.total))


def split(before: Load, now: Load, by: Elasticities | None = None) -> Split:
    """What explains the change. A part that was not measured on both sides (0 or NaN) explains nothing.

    Raises ValueError when a latency is not above 0.
    """
    if not (before.latency_s > 0.0 and now.latency_s > 0.0):
        raise ValueError(f"latencies have to be above 0: {before.latency_s} before, {now.latency_s} now")
    power = by or Elasticities()
    total = math.log(now.latency_s / before.latency_s)
    inputs = power.input_tokens * _log_ratio(now.input_tokens, before.input_tokens)
    outputs = power.output_tokens * _log_ratio(now.output_tokens, before.output_tokens)
    load = power.concurrency * _log_ratio(now.concurrency, before.concurrency)
    channel = total - inputs - outputs - load
    return Split(total=total, input_tokens=inputs, output_tokens=outputs, concurrency=load, channel=channel)


def _log_ratio(now: float, before: float) -> float:
    return math.log(now / before) if now > 0.0 and before > 0.0 else 0.0
