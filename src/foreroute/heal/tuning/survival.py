"""Quantiles of durations of which some were cut off before their end.

A timeout says that the answer would have taken longer, not how long. Counted as if it had ended there, or left out,
each timeout would lower the next limit, which would then cut off more. Kaplan & Meier (1958, "Nonparametric
Estimation from Incomplete Observations") use such lower bounds as what they are. Values are binned by their
logarithm, so that sums of bins are sums of samples; a quantile is within 2 % of the exact one.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_GAMMA: Final = math.log(1.02 / 0.98)
_SMALLEST_S: Final = 1e-4
_KEY_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Quantile:
    """`reached` False: the samples end before the rank; the true value is `value_s` or more."""

    value_s: float
    reached: bool


@dataclass(slots=True)
class Survival:
    """Bin → [ended, cut off]. Merging is adding."""

    bins: dict[int, list[int]] = field(default_factory=dict)

    def add(self, seconds: float, *, cut: bool) -> None:
        key = key_of(seconds)
        counts = self.bins.get(key)
        if counts is None:
            counts = self.bins[key] = [0, 0]
        counts[cut] += 1

    @property
    def ended(self) -> int:
        return sum(counts[0] for counts in self.bins.values())

    @property
    def cut(self) -> int:
        return sum(counts[1] for counts in self.bins.values())

    def ended_between(self, above_s: float, up_to_s: float) -> int:
        least, most = key_of(above_s), key_of(up_to_s)
        return sum(counts[0] for key, counts in self.bins.items() if least < key <= most)

    def without_cut(self) -> "Survival":
        return Survival({key: [counts[0], 0] for key, counts in self.bins.items() if counts[0]})

    def quantile(self, rank: float) -> Quantile | None:
        """The Kaplan-Meier quantile; None without a sample."""
        at_risk, alive, last = sum(map(sum, self.bins.values())), 1.0, None
        for key in sorted(self.bins):
            ended, cut = self.bins[key]
            last = value_of(key)
            if ended:
                alive *= 1.0 - ended / at_risk
                if alive <= 1.0 - rank + 1e-12:
                    return Quantile(last, reached=True)
            at_risk -= ended + cut
        return None if last is None else Quantile(last, reached=False)


def merged(parts: Iterable[Survival]) -> Survival:
    total: dict[int, list[int]] = {}
    for part in parts:
        for key, (ended, cut) in part.bins.items():
            counts = total.setdefault(key, [0, 0])
            counts[0] += ended
            counts[1] += cut
    return Survival(total)


def key_of(seconds: float) -> int:
    key = math.floor(math.log(max(seconds, _SMALLEST_S)) / _GAMMA)
    return min(max(key, -_KEY_MAX), _KEY_MAX)


def value_of(key: int) -> float:
    """The middle of the bin."""
    return math.exp((key + 0.5) * _GAMMA)
