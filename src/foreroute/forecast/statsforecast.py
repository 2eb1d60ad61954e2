"""What the models that statsforecast fits have in common: the values to fit, and the library itself (extra `stats`)."""

from importlib import import_module
from types import ModuleType
from typing import Final

import numpy as np

from foreroute.core.errors import MissingExtra
from foreroute.core.series import Series
from foreroute.forecast.values import Known, known

_FIT_VALUES: Final = 1440


def fit_values(series: Series, *, least: int = 30) -> Known | None:
    """What was measured in the last 1,440 steps; None if that is fewer than `least` values, or all of one height.

    Missing steps are closed up (the library takes none); the recursions that follow know where they are.
    """
    data = known(series, last=_FIT_VALUES)
    return None if len(data) < least or float(np.ptp(data.values)) == 0.0 else data


def library(name: str, *, model: str) -> ModuleType:
    """`statsforecast.<name>`, heavy and only for a worker. Raises MissingExtra, which says what `model` needs."""
    try:
        return import_module(f"statsforecast.{name}")
    except ImportError:
        raise MissingExtra("statsforecast", "stats", f"the forecast model `{model}`") from None
