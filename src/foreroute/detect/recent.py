"""What the detectors look at: the newest value and the measured ones before it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foreroute.core.series import Series

Floats = NDArray[np.float64]
HISTORY = 90
"""Windows that count as recent."""
HISTORY_MIN = 20


@dataclass(frozen=True, slots=True)
class Recent:
    value: float
    past: Floats


def recent(series: Series) -> Recent | None:
    """None when the newest window has no value, or too few before it have one."""
    values = np.asarray(series.values[-HISTORY - 1 :], dtype=np.float64)
    if len(values) == 0 or not np.isfinite(values[-1]):
        return None
    past = values[:-1][np.isfinite(values[:-1])]
    return Recent(float(values[-1]), past) if len(past) >= HISTORY_MIN else None


def scale_floor(past: Floats) -> float:
    """The smallest spread worth speaking of: 2 % of the usual size. A flat series must not make a ripple a wave."""
    return max(0.02 * float(np.median(np.abs(past))), 1e-3)
