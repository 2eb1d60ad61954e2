"""The two kinds of traffic: an hour as it was recorded, and one drawn anew from the published shape of another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol

from foreroute.simulate.traffic import Arrival, read_trace

AZURE, MOONCAKE = "azure", "mooncake"
TRACE: Final = Path("../shared/data/traces/llm_requests_1h.csv.gz")
_TURN_S: Final = 997.0
"""Each seed begins so much later in the recorded hour."""


class Traffic(Protocol):
    def arrivals(self, seed: int, length_s: float) -> Iterator[Arrival]:
        """In order of time, from 0 to `length_s`; the same seed gives the same ones."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded hour over and over, another part of its requests for each seed, begun elsewhere."""

    trace: Sequence[Arrival]
    keep_every: int

    def arrivals(self, seed: int, length_s: float) -> Iterator[Arrival]:
        hour = self.trace[-1].offset_s + 1.0
        kept = self.trace[seed % self.keep_every :: self.keep_every]
        turned = sorted(
            ((one.offset_s - seed * _TURN_S) % hour, one.input_tokens, one.output_tokens) for one in kept
        )
        for lap in range(int(length_s // hour) + 1):
            for offset, into, out in turned:
                if lap * hour + offset < length_s:
                    yield Arrival(lap * hour + offset, into, max(1, out))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """Arrivals as a trace stamps them: bunches on a clock, their number negative binomial, tokens by their quantiles.

    `inputs` and `outputs` are pairs of a probability and a number of tokens, from 0 to 1, read off log-linearly;
    both are drawn on their own, as their rank correlation is next to nothing.
    """

    every_s: float
    mean: float
    """Requests at one stamp."""
    evenness: float
    """Of their number: its variance is mean + mean² ÷ evenness."""
    inputs: Sequence[tuple[float, float]]
    outputs: Sequence[tuple[float, float]]

    def arrivals(self, seed: int, length_s: float) -> Iterator[Arrival]:
        chance = Random(f"{MOONCAKE}/{seed}")
        for stamp in range(int(length_s // self.every_s)):
            mean = self.mean * chance.gammavariate(self.evenness, 1.0 / self.evenness)
            for _ in range(_poisson(chance, mean)):
                yield Arrival(stamp * self.every_s, _drawn(chance, self.inputs), _drawn(chance, self.outputs))


def traffics(said: dict[str, Any]) -> dict[str, Traffic]:
    """As the scenario's file states them. The recorded one is left out where its data are absent."""
    shape = said[MOONCAKE]
    drawn = Shaped(
        every_s=shape["every_s"],
        mean=shape["requests_per_hour"] * shape["every_s"] / 3600.0 / shape["keep_every"],
        evenness=shape["evenness"],
        inputs=tuple(sorted(shape["input_tokens"].items())),
        outputs=tuple(sorted(shape["output_tokens"].items())),
    )
    found: dict[str, Traffic] = {MOONCAKE: drawn}
    if TRACE.exists():
        found = {AZURE: Recorded(tuple(read_trace(TRACE)), said[AZURE]["keep_every"]), **found}
    return found


def _poisson(chance: Random, mean: float) -> int:
    count, left = 0, chance.expovariate(1.0)
    while left < mean:
        count += 1
        left += chance.expovariate(1.0)
    return count


def _drawn(chance: Random, quantiles: Sequence[tuple[float, float]]) -> int:
    at = chance.random()
    for (low, one), (high, other) in pairwise(quantiles):
        if at <= high:
            part = (at - low) / (high - low)
            return max(1, round(exp(log(one) * (1.0 - part) + log(other) * part)))
    return round(quantiles[-1][1])
