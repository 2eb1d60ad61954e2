"""Forecasters by name: the built-in ones, and those of other packages (entry points `foreroute.forecasters` and
`foreroute.pooled_forecasters`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final

from foreroute.core.errors import ConfigError
from foreroute.core.ports import Forecaster, PooledForecaster
from foreroute.forecast.arima import Arima
from foreroute.forecast.bank.roster import RESERVED
from foreroute.forecast.ets import Ets
from foreroute.forecast.foundation import Foundation, FoundationSettings
from foreroute.forecast.lightgbm import LightGbm, LightGbmSettings
from foreroute.forecast.lstm import Lstm, LstmSettings
from foreroute.forecast.mstl import Mstl
from foreroute.forecast.naive import Naive
from foreroute.forecast.prophet import Prophet
from foreroute.forecast.smoothing import Smoothing
from foreroute.forecast.theta import Theta
from foreroute.forecast.trend import Trend

LOCAL: Final = frozenset({"naive", "trend"})
"""In the engine already: naming them adds nothing."""
_APART: Final = frozenset({"foundation"})
_BUILT_IN: Final = {
    kind.name: kind for kind in (Naive(), Smoothing(), Trend(), Ets(), Arima(), Theta(), Mstl(), Prophet())
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """What models of all series of a metric have in common. Seconds."""

    horizons_s: tuple[float, ...] = (900.0, 3600.0)
    history_min_s: float = 7 * 86_400.0
    foundation: Path | None = None
    """The folder with a foundation model's weights."""


def forecasters(names: Sequence[str]) -> tuple[Forecaster, ...]:
    """The named ones with a model for each series, with naive always among them.

    Raises ConfigError naming what is known, for a name that is not, of whatever kind; and for a model from another
    package that would be taken for one of the engine's own experts.
    """
    others, pools = _others("forecasters"), _pool_names()
    found: list[Forecaster] = []
    for name in dict.fromkeys(("naive", *names)):
        if name in _BUILT_IN:
            found.append(_BUILT_IN[name])
        elif name in others:
            found.append(_loaded(others[name]))
        elif name not in pools:
            raise _unknown(name, [*_BUILT_IN, *others, *pools])
    return tuple(found)


def pooled_forecasters(
    names: Sequence[str], settings: PoolSettings | None = None
) -> tuple[PooledForecaster, ...]:
    """The named ones with one model for all series of a metric; other names are passed over."""
    settings = settings or PoolSettings()
    built_in, others = _pools(settings), _others("pooled_forecasters")
    found: list[PooledForecaster] = []
    for name in dict.fromkeys(names):
        if name in built_in:
            found.append(built_in[name])
        elif name in others:
            found.append(_loaded(others[name]))
    return tuple(found)


def pooled_forecaster(name: str, settings: PoolSettings | None = None) -> PooledForecaster:
    """Raises ConfigError naming those that there are."""
    for one in pooled_forecasters([name], settings):
        return one
    raise _unknown(name, list(_pool_names()))


def apart(names: Sequence[str]) -> frozenset[str]:
    """Those that answer in worker processes: their libraries, or what is not known of them, are nothing for a process
    that serves.
    """
    ours = {*_BUILT_IN, *_pools(PoolSettings())} - _APART
    return frozenset(names) - ours


def _pools(settings: PoolSettings) -> dict[str, PooledForecaster]:
    horizons_s, history_min_s = settings.horizons_s, settings.history_min_s
    pools: tuple[PooledForecaster, ...] = (
        LightGbm(settings=LightGbmSettings(horizons_s=horizons_s, history_min_s=history_min_s)),
        Lstm(settings=LstmSettings(horizons_s=horizons_s, history_min_s=history_min_s)),
        Foundation(settings=FoundationSettings(path=settings.foundation)),
    )
    return {one.name: one for one in pools}


def _pool_names() -> set[str]:
    return {*_pools(PoolSettings()), *_others("pooled_forecasters")}


def _others(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"foreroute.{group}")}


def _loaded(point: EntryPoint) -> Any:
    """What the entry point makes. Raises ConfigError if it goes by a name that the default engine's own experts have."""
    made = point.load()()
    for name in (point.name, made.name):
        if name in RESERVED:
            raise ConfigError(
                f"the forecast model {name!r} of {point.value} has the name of an expert of the default engine",
                where="forecast.models",
                hint=f"it needs another one, in its entry point and as its `name`; taken are: {', '.join(sorted(RESERVED))}",
            )
    return made


def _unknown(name: str, known: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"there is no forecast model {name!r}",
        where="forecast.models",
        hint=f"known: {', '.join(sorted(set(known)))}",
    )
