"""A history as rows to learn from, for every model that learns from all series of a metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.core.errors import TooLittleHistory
from foreroute.core.series import Series
from foreroute.forecast.rows import (
    DAY_S,
    Grid,
    feature_rows,
    learning_rows,
    log_past,
    recent_steps,
    targets,
)
from foreroute.forecast.values import Floats

FEATURES_VERSION: Final = 1
"""Raised whenever `rows.py` means something else by a column: an older model is then refused, not misread."""
_ROWS_MIN: Final = 500


@dataclass(frozen=True, slots=True)
class Learnt:
    """`features` (rows, columns), `outcomes` (rows, targets, horizons), `recent` (rows, past, 2)."""

    features: Floats
    outcomes: Floats
    recent: Floats


def learn_from(series: Sequence[Series], grid: Grid, *, rows_max: int, past: int = 0) -> Learnt:
    """Rows whose outcomes are all known. Raises TooLittleHistory for too few of them."""
    features, outcomes, recent = [], [], []
    for one, values, ends in learning_rows(series, grid, rows_max=rows_max):
        before = log_past(values, ends, grid)
        found = feature_rows(before, np.asarray(one.start_at + ends * grid.step_s, dtype=np.float64), grid)
        wanted = targets(values, ends, found.levels, grid)
        known = np.isfinite(wanted).all(axis=(1, 2))
        features.append(found.features[known])
        outcomes.append(wanted[known])
        recent.append(recent_steps(before, found.levels, past)[known])
    count = sum(map(len, outcomes))
    if count < _ROWS_MIN:
        raise TooLittleHistory(f"{count} origins can be learnt from, and {_ROWS_MIN} are needed")
    return Learnt(np.concatenate(features), np.concatenate(outcomes), np.concatenate(recent))


def check_history(series: Sequence[Series], history_min_s: float) -> None:
    """Raises TooLittleHistory unless some series holds measured values over so long a time."""
    longest = max((_span_s(one) for one in series), default=0.0)
    if longest < history_min_s:
        raise TooLittleHistory(
            f"the longest series spans {longest / DAY_S:.1f} days, and {history_min_s / DAY_S:g} are needed"
        )


def columns_of(grid: Grid) -> int:
    """How many features a row of this grid has."""
    empty = np.full((1, grid.reach), np.nan)
    return int(feature_rows(empty, np.zeros(1), grid).features.shape[1])


def _span_s(series: Series) -> float:
    measured = np.flatnonzero(np.isfinite(np.asarray(series.values, dtype=np.float64)))
    return float(measured[-1] - measured[0] + 1) * series.step_s if len(measured) else 0.0
