"""Forecasters by name: the built-in ones, and those of other packages (entry points `foreroute.forecasters`)."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Final

from foreroute.core.errors import ConfigError
from foreroute.core.ports import Forecaster
from foreroute.forecast.ets import Ets
from foreroute.forecast.naive import Naive
from foreroute.forecast.smoothing import Smoothing
from foreroute.forecast.trend import Trend

LOCAL: Final = frozenset({"naive", "smoothing", "trend"})
"""Cheap enough to be fitted outside the pool when a series is new."""
_BUILT_IN: Final = {kind.name: kind for kind in (Naive(), Smoothing(), Trend(), Ets())}


def forecasters(names: Sequence[str]) -> tuple[Forecaster, ...]:
    """The named ones, with naive always among them. Raises ConfigError naming what is known."""
    others = {point.name: point for point in entry_points(group="foreroute.forecasters")}
    found: list[Forecaster] = []
    for name in dict.fromkeys(("naive", *names)):
        if name in _BUILT_IN:
            found.append(_BUILT_IN[name])
        elif name in others:
            found.append(others[name].load()())
        else:
            known = ", ".join(sorted({*_BUILT_IN, *others}))
            raise ConfigError(
                f"there is no forecast model {name!r}", where="forecast.models", hint=f"known: {known}"
            )
    return tuple(found)
