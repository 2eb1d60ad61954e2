"""Robust z-score: distance from the median in robust standard deviations (1.4826 × MAD, Iglewicz & Hoaglin 1993)."""

from dataclasses import dataclass

import numpy as np

from foreroute.core.ports import Score
from foreroute.core.series import Series
from foreroute.detect.recent import recent, scale_floor


@dataclass(frozen=True, slots=True)
class ZScore:
    name: str = "zscore"

    def score(self, series: Series) -> Score | None:
        data = recent(series)
        if data is None:
            return None
        median = float(np.median(data.past))
        spread = 1.4826 * float(np.median(np.abs(data.past - median)))
        return Score(abs(data.value - median) / max(spread, scale_floor(data.past)), median)
