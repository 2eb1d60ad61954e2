"""The course of the day by MSTL (Bandara et al. 2021), what is left of it by ETS: both fitted by statsforecast (extra `stats`).

The course is a table of at most 288 places of the day that is taken off before and added again after the recursion of
`ets.py`, so that between fits the newest minutes count as they come.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.ets import Ets, FittedEts
from foreroute.forecast.recursion import Damped
from foreroute.forecast.statsforecast import library
from foreroute.forecast.values import Floats, Known, path_forecast

_DAY_S: Final = 86_400.0
_PLACES_MAX: Final = 288
_DAYS: Final = 3
_DAYS_MIN: Final = 2
_MEMORY: Final = 240


@dataclass(frozen=True, slots=True)
class FittedMstl:
    """`course`: what each place of the day (UTC) lies above the rest, in the metric's unit; empty: nothing is known."""

    course: tuple[float, ...]
    rest: FittedEts

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        def path(data: Known, steps: int) -> Floats:
            past_at = series.end_at - (data.ages + 0.5) * series.step_s
            values = np.full(int(data.ages[0]) + 1, np.nan)
            values[-1 - data.ages.astype(np.int64)] = data.values - self._course(past_at)
            without = replace(
                series, start_at=series.end_at - series.step_s * len(values), values=tuple(values.tolist())
            )
            ahead_at = series.end_at + (np.arange(steps, dtype=np.float64) + 0.5) * series.step_s
            return self.rest.path(without, steps) + self._course(ahead_at)

        return path_forecast(series, steps, "mstl", path, last=_MEMORY)

    def _course(self, at: Floats) -> Floats:
        if not self.course:
            return np.zeros(len(at))
        places = np.floor((at % _DAY_S) / _DAY_S * len(self.course)).astype(np.int64)
        return np.asarray(self.course, dtype=np.float64)[places]


@dataclass(frozen=True, slots=True)
class Mstl:
    name: str = "mstl"

    def fit(self, series: Series) -> FittedForecaster:
        """On the last three days; under two there is no course, and ETS alone is left. Raises MissingExtra."""
        course = _course_of(series)
        if not course:
            return FittedMstl((), _as_ets(Ets().fit(series)))
        table = FittedMstl(course, FittedEts("", Damped(0.2, 0.0, 1.0)))
        middles = np.arange(len(series.values), dtype=np.float64) + 0.5
        at = np.asarray(series.start_at + middles * series.step_s, dtype=np.float64)
        rest = np.asarray(series.values, dtype=np.float64) - table._course(at)  # noqa: SLF001 - our own
        return replace(table, rest=_as_ets(Ets().fit(replace(series, values=tuple(rest.tolist())))))


def _as_ets(fitted: FittedForecaster) -> FittedEts:
    if not isinstance(fitted, FittedEts):
        raise TypeError(f"ETS fits ETS, not {type(fitted).__name__}")
    return fitted


def _course_of(series: Series) -> tuple[float, ...]:
    """The seasonal part of the last whole days, by place of the day; empty for a series that is too short for one."""
    factor = max(1, math.ceil(_DAY_S / series.step_s / _PLACES_MAX))
    places = round(_DAY_S / series.step_s / factor)
    wide_s = factor * series.step_s
    # Whole places of the day only, so that the table's places are the clock's.
    skipped = math.ceil((math.ceil(series.start_at / wide_s) * wide_s - series.start_at) / series.step_s)
    values = np.asarray(series.values[skipped:], dtype=np.float64)
    count = len(values) // factor
    if places < 4 or count < _DAYS_MIN * places:
        return ()
    grouped = values[: count * factor].reshape(count, factor)
    known = np.isfinite(grouped)
    sums, counts = np.where(known, grouped, 0.0).sum(axis=1), known.sum(axis=1)
    measured = np.flatnonzero(counts)
    if len(measured) < count // 2:
        return ()
    wide = np.interp(np.arange(count), measured, sums[measured] / counts[measured])[-_DAYS * places :]
    if float(np.ptp(wide)) == 0.0:
        return ()
    mstl = library("mstl", model="mstl").mstl
    seasonal = np.asarray(mstl(x=wide, period=places)["seasonal"], dtype=np.float64)[-places:]
    first_at = series.start_at + skipped * series.step_s + (count - places) * wide_s
    return tuple(np.roll(seasonal, round(first_at / wide_s) % places).tolist())
