"""What the models that learn from many series are fed: past and future as logarithms relative to the level at the origin.

A row is one origin of one series. Its features are computed from the values before the origin alone, by the same code
for learning and for serving, and hold no unit: a channel that takes milliseconds and one that takes minutes look alike.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreroute.core.series import Metric, Series
from foreroute.forecast.bank.scale import OFFSETS
from foreroute.forecast.values import Floats

Indices = NDArray[np.int64]

DAY_S: Final = 86_400.0
_WEEK_S: Final = 7 * DAY_S
_LAGS: Final = 5
_SPANS: Final = (2.0, 5.0, 60.0, 240.0)
"""Of moving averages, in steps, beside the one of 15 that is the level."""
_LEVEL_SPAN: Final = 15.0
_MEMORY: Final = 720
"""Steps that the moving averages look back: three times the longest span."""
_DAYS: Final = 3
"""How many days back the course of the day is taken from."""
_CLIP: Final = 1.5
"""Largest logarithm of a ratio that a feature may have: nobody learns from a spike how large spikes are."""
_TARGET_CLIP: Final = 2.5
_SMALLEST: Final = 1e-9
_CHUNK: Final = 512


@dataclass(frozen=True, slots=True)
class Grid:
    """The time grid of a metric's rows, and where on it forecasts are asked for (steps ahead, ascending)."""

    step_s: float
    horizons: tuple[int, ...]
    offset: float = 0.0

    @property
    def day(self) -> int:
        return max(1, round(DAY_S / self.step_s))

    @property
    def reach(self) -> int:
        """Steps before an origin that its features may look at."""
        return max(_MEMORY, _DAYS * self.day + self.width)

    @property
    def width(self) -> int:
        """Steps that a place in the course of the day is averaged over: half an hour of minutes."""
        return max(1, self.day // 48)

    @property
    def has_days(self) -> bool:
        """Whether a horizon ends before the same time of the next day, so that yesterday says something about it."""
        return self.day >= 2 * max(self.horizons) + self.width


def grid_of(series: Series, horizons_s: Sequence[float]) -> Grid:
    steps = tuple(sorted({max(1, round(horizon / series.step_s)) for horizon in horizons_s}))
    return Grid(series.step_s, steps, offset_of(series.metric))


def offset_of(metric: Metric) -> float:
    return OFFSETS.get(metric, 0.0)


@dataclass(frozen=True, slots=True)
class Rows:
    """`features` (rows, columns); `levels` (rows): the logarithm that features and targets are relative to; NaN where a
    row's past holds no value.
    """

    features: Floats
    levels: Floats


def feature_rows(past: Floats, origins_at: Floats, grid: Grid) -> Rows:
    """Rows from `past` (rows, grid.reach): each line the logarithms that end at its origin; NaN where unknown."""
    levels = _levels(past)
    safe = np.where(np.isfinite(levels), levels, 0.0)[:, None]
    recent = past[:, -60:] - safe
    known = np.isfinite(recent)
    recent = np.where(known, recent, 0.0)
    ratios = [recent[:, -1 - lag] for lag in range(_LAGS)]
    ratios += [np.median(recent[:, -last:], axis=1) for last in (5, 15)]
    ratios += [_average(past, span) - safe[:, 0] for span in _SPANS]
    ratios += [_mean(past[:, -grid.day :]) - safe[:, 0]]
    ratios += [recent[:, -last:].std(axis=1) for last in (15, 60)]
    ratios += [np.abs(np.diff(recent[:, -16:], axis=1)).mean(axis=1)]
    if grid.has_days:
        ratios += _courses(past, safe[:, 0], grid)
    # Rounded, so that what is equal but for the last digit falls on the same side of a threshold.
    clipped = np.round(np.clip(np.nan_to_num(np.column_stack(ratios), nan=0.0), -_CLIP, _CLIP), 7)
    return Rows(np.column_stack([clipped, known[:, -15:].mean(axis=1), *_clock(origins_at)]), levels)


def recent_steps(past: Floats, levels: Floats, count: int) -> Floats:
    """(rows, count, 2): the last steps relative to the level, and whether each was measured (then 1, else 0 and 0)."""
    if not count:
        return np.empty((len(past), 0, 2))
    ratios = past[:, -count:] - levels[:, None]
    known = np.isfinite(ratios)
    clipped = np.clip(np.where(known, ratios, 0.0), -_CLIP, _CLIP)
    return np.stack([clipped, known.astype(np.float64)], axis=-1)


def log_past(values: Floats, ends: Indices, grid: Grid) -> Floats:
    """(rows, reach): logarithms of what lies before each end (an index into `values`), NaN before the beginning."""
    padded = np.concatenate([np.full(grid.reach, np.nan), _logs(values, grid.offset)])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, grid.reach)[ends], dtype=np.float64)


def targets(values: Floats, ends: Indices, levels: Floats, grid: Grid) -> Floats:
    """(rows, 2, horizons): the logarithms of the window's mean and of its last step, relative to the level.

    NaN where the point is not measured, or less than half of the window is, or it reaches beyond the end.
    """
    found = np.full((len(ends), 2, len(grid.horizons)), np.nan)
    padded = np.concatenate([values, np.full(max(grid.horizons), np.nan)])
    for place, horizon in enumerate(grid.horizons):
        window = np.lib.stride_tricks.sliding_window_view(padded, horizon)[ends]
        known = np.isfinite(window)
        count = known.sum(axis=1)
        mean = np.where(known, window, 0.0).sum(axis=1) / np.maximum(count, 1)
        inside = (ends + horizon <= len(values)) & (2 * count >= horizon)
        found[:, 0, place] = np.where(inside, _logs(mean, grid.offset), np.nan)
        found[:, 1, place] = _logs(window[:, -1], grid.offset)
    return np.asarray(np.clip(found - levels[:, None, None], -_TARGET_CLIP, _TARGET_CLIP), dtype=np.float64)


def learning_rows(
    series: Sequence[Series], grid: Grid, *, rows_max: int
) -> Iterator[tuple[Series, Floats, Indices]]:
    """(series, its values, its origins): evenly spread over all series, about `rows_max` in all.

    An origin has a day of past behind it and something measured of late.
    """
    lengths = [max(0, len(one.values) - grid.day) for one in series]
    stride = max(1, math.ceil(sum(lengths) / rows_max))
    for one in series:
        values = np.asarray(one.values, dtype=np.float64)
        ends = np.arange(grid.day, len(values) - grid.horizons[0] + 1, stride, dtype=np.int64)
        measured = np.concatenate([[0], np.cumsum(np.isfinite(values))])
        ends = ends[measured[ends] > measured[np.maximum(ends - 15, 0)]]
        for start in range(0, len(ends), _CHUNK):
            yield one, values, ends[start : start + _CHUNK]


def latest_past(series: Sequence[Series], grid: Grid) -> tuple[Floats, Floats]:
    """The past of each series at its own end, (series, reach), and the origins in seconds."""
    past = np.full((len(series), grid.reach), np.nan)
    for line, one in enumerate(series):
        values = np.asarray(one.values[-grid.reach :], dtype=np.float64)
        if len(values):
            past[line, -len(values) :] = _logs(values, grid.offset)
    return past, np.array([one.end_at for one in series])


def _logs(values: Floats, offset: float) -> Floats:
    return np.asarray(np.log(np.maximum(values + offset, _SMALLEST)), dtype=np.float64)


def _levels(past: Floats) -> Floats:
    """A moving average of span 15; where nothing was measured that lately, the mean of all there is."""
    level = _average(past, _LEVEL_SPAN)
    return np.where(np.isfinite(level), level, _mean(past))


def _average(past: Floats, span: float) -> Floats:
    """Exponentially weighted over the measured steps; NaN without any in the memory."""
    recent = past[:, -_MEMORY:]
    weights = (1.0 - 2.0 / (span + 1.0)) ** np.arange(recent.shape[1] - 1, -1, -1, dtype=np.float64)
    known = np.isfinite(recent)
    # Sums, not matrix products: those round one row by how many others there are.
    total = np.where(known, weights, 0.0).sum(axis=1)
    summed = np.where(known, recent * weights, 0.0).sum(axis=1)
    # What weighs less than this lies many spans back: as good as not measured.
    return np.where(total > 1e-6, summed / np.maximum(total, 1e-6), np.nan)


def _mean(past: Floats) -> Floats:
    known = np.isfinite(past)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, past, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _courses(past: Floats, levels: Floats, grid: Grid) -> list[Floats]:
    """How the same hours of earlier days went on from the origin's time of day, and where they stood then."""
    found = []
    for horizon in grid.horizons:
        over, at_end = [], []
        for day in range(1, _DAYS + 1):
            now = past.shape[1] - day * grid.day
            before = _mean(past[:, now - grid.width : now])
            over.append(_mean(past[:, now : now + horizon]) - before)
            end = past[:, now + horizon - 1 - grid.width // 2 : now + horizon + grid.width // 2]
            at_end.append(_mean(end) - before)
        for one in (over, at_end):
            found += [*one, _mean(np.column_stack(one))]
    yesterday = past.shape[1] - grid.day
    return [*found, _mean(past[:, yesterday - grid.width : yesterday]) - levels]


def _clock(origins_at: Floats) -> list[Floats]:
    day, week = 2.0 * np.pi * origins_at / DAY_S, 2.0 * np.pi * origins_at / _WEEK_S
    return [np.sin(day), np.cos(day), np.sin(week), np.cos(week)]
