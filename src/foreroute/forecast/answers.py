"""A forecast as the numbers that are asked of it: the mean over the next steps and the last of them, by horizon."""

from collections.abc import Sequence

import numpy as np

from foreroute.core.findings import Forecast, WindowTarget
from foreroute.forecast.values import Floats

TARGETS = (WindowTarget.MEAN, WindowTarget.POINT)


def answer_of(forecast: Forecast, horizons: Sequence[int]) -> Floats:
    """(targets, horizons): what it says of each window itself where it does, else what its path comes to."""
    said = {
        (window.target, round(window.horizon_s / forecast.step_s)): window.value
        for window in forecast.windows
    }
    path = np.asarray(forecast.mean, dtype=np.float64)
    return np.array(
        [
            [said.get((TARGETS[0], horizon), float(path[:horizon].mean())) for horizon in horizons],
            [
                said.get((TARGETS[1], horizon), float(path[min(horizon, len(path)) - 1]))
                for horizon in horizons
            ],
        ]
    )


def outcome_of(values: Floats, end: int, horizons: Sequence[int]) -> Floats:
    """(targets, horizons): what came after `values[:end]`. NaN where it is not measured, of a mean less than half of it,
    or reaches beyond what there is.
    """
    found = np.full((len(TARGETS), len(horizons)), np.nan)
    for column, horizon in enumerate(horizons):
        window = values[end : end + horizon]
        measured = np.isfinite(window)
        if len(window) == horizon:
            found[1, column] = window[-1]
            if 2 * int(measured.sum()) >= horizon:
                found[0, column] = window[measured].mean()
    return found


def last_measured(values: Floats) -> float:
    measured = values[np.isfinite(values)]
    return float(measured[-1]) if len(measured) else float("nan")
