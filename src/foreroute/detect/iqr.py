"""Tukey's fences: how far outside the quartiles a value lies, in interquartile ranges (Tukey 1977). Inside, 0."""

from dataclasses import dataclass

import numpy as np

from foreroute.core.ports import Score
from foreroute.core.series import Series
from foreroute.detect.recent import recent, scale_floor


@dataclass(frozen=True, slots=True)
class Iqr:
    name: str = "iqr"

    def score(self, series: Series) -> Score | None:
        data = recent(series)
        if data is None:
            return None
        low, median, high = (float(value) for value in np.quantile(data.past, [0.25, 0.5, 0.75]))
        outside = max(low - data.value, data.value - high, 0.0)
        return Score(outside / max(high - low, 1.35 * scale_floor(data.past)), median)
