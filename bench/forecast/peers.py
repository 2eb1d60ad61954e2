"""The forecasters that people use today, behind the protocol of `backtest_peers.Peer`: fitted anew at every origin, or once a day.

AutoARIMA and AutoETS are statsforecast's own calls; MSTL, ARIMA between fits, Prophet and LightGBM are the plug-ins that
ship. Each sees the last 1,440 steps (MSTL three days, Prophet a week, LightGBM what its features need).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import util
from typing import Any, Final

import numpy as np

from bench.forecast.data import Group
from foreroute.core.ids import ChannelId
from foreroute.core.ports import FittedForecaster, Forecaster
from foreroute.core.series import Metric, Series
from foreroute.forecast.answers import answer_of
from foreroute.forecast.arima import Arima
from foreroute.forecast.backtest_peers import Peer
from foreroute.forecast.backtest_replay import values_of
from foreroute.forecast.lightgbm import FittedLightGbm, LightGbm, LightGbmSettings
from foreroute.forecast.mstl import Mstl
from foreroute.forecast.prophet import Prophet
from foreroute.forecast.values import Floats

_WINDOW: Final = 1440
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Refit:
    """A statsforecast model, fitted at every origin on the last 1,440 steps, gaps bridged by straight lines."""

    name: str
    make: Callable[[], Any]

    def predict(self, history: Floats, step_s: float, horizons: Sequence[int]) -> tuple[Floats, Floats]:  # noqa: ARG002
        values = _bridged(history[-_WINDOW:])
        if len(values) < 10 or float(np.ptp(values)) == 0.0:
            last = values[-1] if len(values) else np.nan
            return np.full(len(horizons), last), np.full(len(horizons), last)
        path = np.maximum(np.asarray(self.make().forecast(y=values, h=max(horizons))["mean"]), 0.0)
        return np.array([path[:h].mean() for h in horizons]), np.array([path[h - 1] for h in horizons])


@dataclass(slots=True)
class PlugIn:
    """A plug-in of ours with a model for each series, fitted anew every `fit_every_s`; 0: at every origin.

    Origins of one series come in order; a history that does not go on from the one before is of another series.
    """

    forecaster: Forecaster
    fit_every_s: float = 0.0
    history_s: float = 3 * _DAY_S
    label: str = ""
    _fitted: FittedForecaster | None = None
    _fitted_at: int = 0
    _asked: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def name(self) -> str:
        return self.label or self.forecaster.name

    def predict(self, history: Floats, step_s: float, horizons: Sequence[int]) -> tuple[Floats, Floats]:
        at = len(history)
        series = _series(history, step_s, last=round(self.history_s / step_s))
        age_s = (at - self._fitted_at) * step_s
        goes_on = at > len(self._asked) and np.array_equal(
            history[: len(self._asked)], self._asked, equal_nan=True
        )
        if self._fitted is None or not goes_on or age_s >= max(self.fit_every_s, step_s):
            self._fitted, self._fitted_at = self.forecaster.fit(series), at
        self._asked = history
        said = answer_of(self._fitted.forecast(series, steps=max(horizons)), horizons)
        return said[0], said[1]


@dataclass(frozen=True, slots=True)
class Pooled:
    """One LightGBM for all series of a group, fitted on what came before `fitted_at` (a number of steps) alone."""

    fitted: FittedLightGbm
    fitted_at: int
    name: str = "lightgbm"

    def predict(self, history: Floats, step_s: float, horizons: Sequence[int]) -> tuple[Floats, Floats]:
        if len(history) < self.fitted_at:
            raise ValueError("this origin lies in what the model was fitted on")
        series = _series(history, step_s, last=self.fitted.grid.reach)
        said = answer_of(self.fitted.forecast([series], steps=max(horizons))[0], horizons)
        return said[0], said[1]


def refitted() -> tuple[Peer, ...]:
    """Fitted anew at every origin. Needs the extra `stats`; Prophet takes part where it is installed."""
    from statsforecast.models import AutoARIMA, AutoETS  # noqa: PLC0415 - two seconds

    found: list[Peer] = [
        Refit("AutoARIMA", lambda: AutoARIMA(season_length=1)),
        Refit("AutoETS", lambda: AutoETS(season_length=1)),
        PlugIn(Mstl(), label="MSTL"),
    ]
    if util.find_spec("prophet") is not None:
        found.append(PlugIn(Prophet(), history_s=7 * _DAY_S, label="Prophet"))
    return tuple(found)


def between_fits() -> tuple[Peer, ...]:
    """Fitted once a day and carried forward."""
    return (PlugIn(Arima(), fit_every_s=_DAY_S, label="ARIMA daily"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    rows_max: int = 60_000
    horizons_s: tuple[float, ...] = (900.0, 3600.0)


def pooled(group: Group, until: int, options: PoolOptions | None = None) -> Pooled:
    """Learns from the first `until` steps of every member. Raises TooLittleHistory under two days of them."""
    options = options or PoolOptions()
    settings = LightGbmSettings(
        horizons_s=options.horizons_s, history_min_s=2 * _DAY_S, rows_max=options.rows_max
    )
    series = [_series(values_of(member)[:until], group.step_s) for member in group.members]
    fitted = LightGbm(settings=settings).fit([one for one in series if len(one.values)])
    if not isinstance(fitted, FittedLightGbm):
        raise TypeError(type(fitted).__name__)
    return Pooled(fitted, until)


@dataclass(frozen=True, slots=True)
class Sample:
    """A member and the origins (steps measured so far) at which everybody is asked about it."""

    column: int
    member: Series
    origins: tuple[int, ...] = field(default=())


def _series(values: Floats, step_s: float, *, last: int | None = None) -> Series:
    """On the bank's clock: the first step begins at instant 0."""
    kept = values if last is None else values[-last:]
    return Series(
        channel=ChannelId("series"),
        metric=Metric.LATENCY_MEAN,
        start_at=(len(values) - len(kept)) * step_s,
        step_s=step_s,
        values=tuple(kept.tolist()),
    )


def _bridged(values: Floats) -> Floats:
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.empty(0)
    grid = np.arange(known[0], len(values))
    return np.asarray(np.interp(grid, known, values[known]), dtype=np.float64)
