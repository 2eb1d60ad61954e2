"""Prophet (Taylor & Letham 2018): a piecewise linear trend and the course of the day (extra `prophet`).

It has no state: the curve of the last fit is evaluated here, and moved by the median of what it was off by of late.
Measured on minutes of latency it is worse than the last value (docs/forecasting.md); it is off unless it is named.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foreroute.core.errors import MissingExtra
from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.values import Floats, Known, known, median, path_forecast

_DAY_S: Final = 86_400.0
_WEEK_DAYS: Final = 7.0
_FIT_VALUES_MAX: Final = 2016
"""A week of five minutes: longer series are averaged down to so many."""
_FIT_MIN: Final = 60
_MEMORY: Final = 60
_LATE: Final = 15


@dataclass(frozen=True, slots=True)
class Cycle:
    """Fourier terms of one period: pairs of coefficients of sine and cosine."""

    period_days: float
    coefficients: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FittedProphet:
    """`slope` (per day) and `offset` of the trend after its last change point; all in the metric's unit."""

    slope: float = 0.0
    offset: float = 0.0
    since_at: float = 0.0
    cycles: tuple[Cycle, ...] = ()

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        def path(data: Known, steps: int) -> Floats:
            late = data.values[-_LATE:]  # noqa: PD011 - no frame
            missed = median(late - self.curve(series.end_at - (data.ages[-_LATE:] + 1.0) * series.step_s))
            return self.curve(series.end_at + np.arange(steps, dtype=np.float64) * series.step_s) + missed

        return path_forecast(series, steps, "prophet", path, last=_MEMORY)

    def curve(self, at: Floats) -> Floats:
        """What Prophet itself says of windows that start then (seconds since the epoch, after its last change point)."""
        total = self.offset + self.slope * (at - self.since_at) / _DAY_S
        for cycle in self.cycles:
            turns = 2.0 * np.pi * at / _DAY_S / cycle.period_days
            for number in range(len(cycle.coefficients) // 2):
                sine, cosine = cycle.coefficients[2 * number : 2 * number + 2]
                angle = (number + 1) * turns
                total = total + sine * np.sin(angle) + cosine * np.cos(angle)
        return np.asarray(total, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Prophet:
    name: str = "prophet"

    def fit(self, series: Series) -> FittedForecaster:
        """The most probable parameters, from all of the series. Raises MissingExtra without the library."""
        data = known(series)
        if len(data) < _FIT_MIN or float(np.ptp(data.values)) == 0.0:
            return FittedProphet()
        _hush()
        try:
            import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types; heavy, and only for the worker
            from prophet import Prophet as Library  # noqa: PLC0415
        except ImportError:
            raise MissingExtra("prophet", "prophet", "the forecast model `prophet`") from None
        at, values = _thinned(series.end_at - (data.ages + 1.0) * series.step_s, data.values)
        span_days = float(at[-1] - at[0]) / _DAY_S
        model = Library(
            growth="linear",
            daily_seasonality=span_days >= 2.0,
            weekly_seasonality=span_days >= 2.0 * _WEEK_DAYS,
            yearly_seasonality=False,
            uncertainty_samples=0,
        )
        model.fit(pd.DataFrame({"ds": pd.to_datetime(at, unit="s"), "y": values}), seed=1)
        return _fitted(model)


def _hush() -> None:
    """Keeps the library from saying on stderr that it begins, that it ends, and that it could draw if it had plotly."""
    compiled = logging.getLogger("cmdstanpy")
    if not compiled.handlers:
        compiled.addHandler(logging.NullHandler())
    compiled.propagate = False
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)


def _thinned(at: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Means of neighbours, few enough for a fit of a second."""
    size = -(-len(values) // _FIT_VALUES_MAX)
    count = len(values) // size * size
    return (
        np.asarray(at[-count:].reshape(-1, size).mean(axis=1), dtype=np.float64),
        np.asarray(values[-count:].reshape(-1, size).mean(axis=1), dtype=np.float64),
    )


def _fitted(model: Any) -> FittedProphet:
    """The library's parameters in our units: k, m and the δ of the change points are of scaled time and values."""
    changes, at_changes = np.ravel(model.params["delta"]), np.ravel(model.changepoints_t)
    slope = float(np.ravel(model.params["k"])[0] + changes.sum())
    offset = float(np.ravel(model.params["m"])[0] - (changes * at_changes).sum())
    scale, days = float(model.y_scale), model.t_scale.total_seconds() / _DAY_S
    beta, cycles, first = np.ravel(model.params["beta"]), [], 0
    for season in model.seasonalities.values():
        last = first + 2 * season["fourier_order"]
        cycles.append(Cycle(float(season["period"]), tuple((beta[first:last] * scale).tolist())))
        first = last
    return FittedProphet(
        slope=slope * scale / days,
        offset=offset * scale,
        since_at=model.start.timestamp(),
        cycles=tuple(cycles),
    )
