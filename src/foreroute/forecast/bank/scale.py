"""The scale on which a metric is compared: logarithms, moved by what keeps zeros finite."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from foreroute.core.series import Metric

OFFSETS: Final[Mapping[Metric, float]] = {
    Metric.FAILURE_RATIO: 0.02,
    Metric.ATTEMPTS: 1.0,
    Metric.THROTTLES: 1.0,
    Metric.COST_USD: 1e-3,
}
"""In the metric's unit; a relative error below this size is no error. Others are never zero."""
OFFSET: Final = 1e-6
AMOUNTS: Final = frozenset({Metric.ATTEMPTS, Metric.THROTTLES, Metric.COST_USD})
"""Totals of a minute: a mean over minutes is a plain one, whatever the number of requests."""


def offset(metric: Metric) -> float:
    return OFFSETS.get(metric, OFFSET)


def ceiling(metric: Metric) -> float:
    return 1.0 if metric is Metric.FAILURE_RATIO else float(np.finfo(np.float32).max) / 1e6


def is_amount(metric: Metric) -> bool:
    return metric in AMOUNTS
