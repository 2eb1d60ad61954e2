"""Which row of the bank belongs to which series, and what the metric's unit implies."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.detect.bank import PARTS, Bank, new_bank
from foreroute.detect.columns import Floats, grow

Key = tuple[ChannelId, Metric]
_RATIOS: Final = frozenset({Metric.FAILURE_RATIO})
_COUNTS: Final = frozenset({Metric.ATTEMPTS, Metric.THROTTLES})
_RATIO_FLOOR: Final = 0.02
_COUNT_FLOOR: Final = 1.0
_FLOOR: Final = 1e-9


@dataclass(slots=True)
class Rows:
    """Rows are never reused: a channel that leaves keeps its row until the process ends."""

    bank: Bank = field(default_factory=lambda: new_bank(0))
    index: dict[Key, int] = field(default_factory=dict)
    seen_until: Floats = field(default_factory=lambda: np.zeros(0))
    """End of the newest window that each row has seen; −inf before the first."""

    def take_in(self, keys: Iterable[Key]) -> None:
        """Gives a row to each series that has none."""
        new = [key for key in dict.fromkeys(keys) if key not in self.index]
        if not new:
            return
        first = len(self.index)
        for name in PARTS:
            grow(getattr(self.bank, name), len(new))
        self.seen_until = np.concatenate([self.seen_until, np.full(len(new), -np.inf)])
        traits = self.bank.traits
        for row, key in enumerate(new, start=first):
            self.index[key] = row
            metric = key[1]
            traits.is_ratio[row] = metric in _RATIOS
            traits.is_count[row] = metric in _COUNTS
            traits.is_traffic[row] = metric is Metric.ATTEMPTS
            traits.floors[row] = floor_of(metric)


def floor_of(metric: Metric) -> float:
    """The smallest difference of a metric that is worth speaking of, in its unit."""
    if metric in _RATIOS:
        return _RATIO_FLOOR
    return _COUNT_FLOOR if metric in _COUNTS else _FLOOR
