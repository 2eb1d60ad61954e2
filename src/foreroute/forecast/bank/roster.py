"""Who says something: the names and places of all experts, and what the regression starts from."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.forecast.bank import levels
from foreroute.forecast.bank.columns import Array

PROFILE: Final = "profile"
TREND: Final = "trend"
REGRESSION: Final = "regression"
ENSEMBLE: Final = "ensemble"
NAIVE: Final = levels.NAMES[0]
RESERVED: Final = frozenset({*levels.NAMES, PROFILE, TREND, REGRESSION, ENSEMBLE})
"""Names that no plug-in can have: records and weights go by name."""
_PRIOR_LEVELS: Final = {"average_5": 0.2, "average_15": 0.2, "median_15": 0.2}
_PRIOR_TREND_LEVEL: Final = 0.4
_PRIOR_TREND_CHANGE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Roster:
    """Experts in the order in which they are graded: levels, profile, trend, from outside, regression, ensemble."""

    plug_ins: tuple[str, ...] = ()
    """Raises ValueError for one that goes by the name of another expert."""

    def __post_init__(self) -> None:
        taken = sorted({name for name in self.plug_ins if name in RESERVED or self.plug_ins.count(name) > 1})
        if taken:
            raise ValueError(f"there is an expert of this name already: {', '.join(taken)}")

    @property
    def names(self) -> tuple[str, ...]:
        return (*levels.NAMES, PROFILE, TREND, *self.plug_ins, REGRESSION, ENSEMBLE)

    @property
    def own(self) -> int:
        """How many opinions differ by target and horizon: all but the levels."""
        return len(self.names) - len(levels.NAMES)

    @property
    def outside(self) -> slice:
        start = len(levels.NAMES) + 2
        return slice(start, start + len(self.plug_ins))

    @property
    def profile(self) -> int:
        return len(levels.NAMES)

    @property
    def trend(self) -> int:
        return len(levels.NAMES) + 1

    @property
    def regression(self) -> int:
        return len(levels.NAMES) + 2 + len(self.plug_ins)


MOVES: Final = 4
"""The trend's level, the profile's two changes, the trend's change."""
FEATURES: Final = 1 + len(levels.REGRESSED) + MOVES
"""A constant, some levels, the moves."""


def prior(horizons: int) -> Array:
    """(horizons, 2, features): what the regression says before it has learned."""
    found = np.zeros(FEATURES, dtype=np.float32)
    for name, share in _PRIOR_LEVELS.items():
        found[1 + levels.REGRESSED.index(name)] = share
    found[1 + len(levels.REGRESSED)] = _PRIOR_TREND_LEVEL
    found[-1] = _PRIOR_TREND_CHANGE
    return np.broadcast_to(found, (horizons, 2, FEATURES)).copy()
