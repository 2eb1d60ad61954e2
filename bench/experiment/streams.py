"""Two arms as they fill up: running sums after every request, and who would have stopped when."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreroute.experiment.contrast import difference
from foreroute.experiment.effects import UNITS_MIN
from foreroute.experiment.moments import Moments

Floats = NDArray[np.float64]
ALPHA: Final = 0.05
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Looks:
    """Of many repeats: which were ever called different, and after how many requests (NaN: never)."""

    ever: NDArray[np.bool_]
    after: Floats

    @property
    def ratio(self) -> float:
        return float(self.ever.mean())


def running(y: Floats, x: Floats, in_arm: NDArray[np.bool_]) -> tuple[Moments, Moments]:
    """Sums of the arm and of the control after each request; rows are repeats."""
    made = []
    for mask in (in_arm, ~in_arm):
        n = mask.astype(np.float64)

        def total(values: Floats, n: Floats = n) -> Floats:
            return np.cumsum(values * n, axis=1)

        count = np.cumsum(n, axis=1)
        made.append(
            Moments(
                units=count,
                n=count,
                y=total(y),
                x=total(x),
                nn=count,
                ny=total(y),
                nx=total(x),
                yy=total(y * y),
                yx=total(y * x),
                xx=total(x * x),
            )
        )
    return made[0], made[1]


def always_valid(arm: Moments, control: Moments, planned: float, *, as_ratio: bool = False) -> Looks:
    """Looks after every request, from the product's least number of units on."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = difference(arm, control, as_ratio=as_ratio)
        lower, upper = found.interval(planned / 2.0, ALPHA)
        sure = (lower > 0.0) | (upper < 0.0)
    return _first(sure & (np.minimum(arm.units, control.units) >= UNITS_MIN), arm.units + control.units)


def repeated_t(arm: Moments, control: Moments, *, once: bool = False) -> Looks:
    """A two-sample test at 5 % after every request, or only at the end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = difference(arm, control)
        sure = np.abs(found.value) > _Z * np.sqrt(found.variance)
    sure &= np.minimum(arm.units, control.units) >= UNITS_MIN
    if once:
        sure[:, :-1] = False
    return _first(sure, arm.units + control.units)


def _first(sure: NDArray[np.bool_], requests: Floats) -> Looks:
    ever = np.asarray(sure.any(axis=1))
    at = sure.argmax(axis=1)
    after = np.where(ever, requests[np.arange(len(at)), at], np.nan)
    return Looks(ever, after)


def joined(parts: list[Looks]) -> Looks:
    return Looks(np.concatenate([p.ever for p in parts]), np.concatenate([p.after for p in parts]))
