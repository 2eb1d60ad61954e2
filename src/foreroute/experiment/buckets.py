"""A distribution in logarithmic buckets: quantiles within 1 % of the value, whatever the tail."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

_WIDTH: Final = math.log(1.02)


class Buckets:
    """Of logarithms of positive values."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts: Counter[int] = Counter(counts or {})

    @property
    def total(self) -> int:
        return self.counts.total()

    def add(self, log_value: float) -> None:
        self.counts[math.floor(log_value / _WIDTH)] += 1

    def edges(self, number: int) -> tuple[float, float]:
        """Between which logarithms the order statistic with this number (from 1) lies; beyond all there is no edge."""
        if number < 1:
            return -math.inf, -math.inf
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= number:
                return bucket * _WIDTH, (bucket + 1) * _WIDTH
        return math.inf, math.inf

    def quantile(self, rank: float) -> float:
        """The logarithm in the middle of its bucket; NaN of nothing."""
        if not self.total:
            return math.nan
        lower, upper = self.edges(max(1, math.ceil(rank * self.total)))
        return 0.5 * (lower + upper)
