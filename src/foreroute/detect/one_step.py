"""The value expected next, by recursive least squares on the series' own levels and its usual day.

What is learnt is the relative distance from the middle level, from the last value, the fast and the slow level and
the day's profile. Errors are clipped, so that an outlier bends nothing (recursive least squares with exponential
forgetting: Ljung, System Identification, 1999, section 11.2).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.detect.columns import Bools, Floats, known

_FORGET: Final = 0.9995
_START: Final = 10.0
_TRACE_MAX: Final = 1e4
_RELATIVE_MAX: Final = 1.5
FEATURES: Final = 5


@dataclass(slots=True)
class OneStep:
    weights: Floats
    """(series, FEATURES)"""
    covariance: Floats
    """(series, FEATURES, FEATURES)"""

    @classmethod
    def empty(cls, rows: int) -> "OneStep":
        weights = np.zeros((rows, FEATURES))
        weights[:, 0] = 0.3
        return cls(weights, np.tile(np.eye(FEATURES) * _START, (rows, 1, 1)))

    def expected(self, features: Floats) -> Floats:
        """Relative distance from the middle level, (series,)."""
        expected: Floats = np.einsum("sf,sf->s", self.weights, features)
        return expected

    def learn(self, features: Floats, outcome: Floats, *, rows: Bools) -> None:
        """`outcome`: the relative distance that came true. Only `rows` learn."""
        error = np.clip(np.where(rows, outcome - self.expected(features), 0.0), -_RELATIVE_MAX, _RELATIVE_MAX)
        carried = np.einsum("sfg,sg->sf", self.covariance, features)
        gain = carried / (_FORGET + np.einsum("sf,sf->s", features, carried))[:, None]
        self.weights = np.where(rows[:, None], self.weights + gain * error[:, None], self.weights)
        covariance = (self.covariance - gain[:, :, None] * carried[:, None, :]) / _FORGET
        too_large = np.trace(covariance, axis1=1, axis2=2) > _TRACE_MAX
        covariance[too_large] = np.eye(FEATURES) * _START
        self.covariance = np.where(rows[:, None, None], covariance, self.covariance)


def features(parts: tuple[Floats, ...], middle: Floats, size: Floats) -> Floats:
    """Relative distances from the middle level, clipped, and a constant: (series, FEATURES). Unknown parts are 0."""
    columns = [known((part - middle) / size) for part in parts]
    return np.clip(np.stack([*columns, np.ones_like(middle)], axis=1), -_RELATIVE_MAX, _RELATIVE_MAX)
