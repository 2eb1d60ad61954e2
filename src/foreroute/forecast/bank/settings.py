"""What the forecasts are of: step, horizons, and who may take part."""

from dataclasses import dataclass
from functools import cache
from typing import Final

from foreroute.core.findings import WindowTarget

TARGETS: Final = (WindowTarget.MEAN, WindowTarget.POINT)
"""The order of the first axis of everything that is per target."""
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BankSettings:
    """Durations in seconds.

    `plug_ins`: names of experts from outside, whose opinions come with every minute. `outcomes_min`: graded
    forecasts that one of them needs before it may have a vote.
    """

    step_s: float = 60.0
    horizons_s: tuple[float, ...] = (900.0, 3600.0)
    plug_ins: tuple[str, ...] = ()
    outcomes_min: int = 20
    young: int = 30
    """Measured values below which a series has no model of its own: an average, and a wide interval."""

    @property
    def horizons(self) -> tuple[int, ...]:
        """In steps, at least one, ascending."""
        return _in_steps(self.horizons_s, self.step_s)

    @property
    def slots(self) -> int:
        """Into how many parts a day is divided for its profile."""
        return max(1, min(144, round(DAY_S / self.step_s)))


@cache
def _in_steps(horizons_s: tuple[float, ...], step_s: float) -> tuple[int, ...]:
    return tuple(sorted({max(1, round(horizon / step_s)) for horizon in horizons_s}))
