"""The newest values of each series on one grid, as far back as plug-ins look. Single precision is enough for them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.forecast.values import Floats

Key = tuple[ChannelId, Metric]


class Past:
    """A ring of `steps` values for each series. NaN where nothing was measured or is known."""

    def __init__(self, *, step_s: float, steps: int) -> None:
        self._step_s = step_s
        self._rows: dict[Key, int] = {}
        self._ring: NDArray[np.float32] = np.full((0, steps), np.nan, dtype=np.float32)
        self._end = 0
        """The number of the step after the newest one, counted from the epoch."""

    def add(self, series: Sequence[Series]) -> None:
        """Takes in what is new in each series, or all of one that was not known. Older ends than the newest change
        values and nothing else.
        """
        for one in series:
            self._advance(round(one.end_at / self._step_s))
        for one in series:
            self._put(one)

    def of(self, keys: Sequence[Key]) -> Floats:
        """(series, steps), the newest last."""
        order = np.arange(self._end - self._ring.shape[1], self._end) % self._ring.shape[1]
        rows = [self._row(key) for key in keys]
        return np.asarray(self._ring[rows][:, order], dtype=np.float64)

    def _advance(self, end: int) -> None:
        steps = self._ring.shape[1]
        fresh = min(end - self._end, steps)
        if fresh > 0:
            self._ring[:, np.arange(end - fresh, end) % steps] = np.nan
            self._end = end

    def _put(self, one: Series) -> None:
        steps = self._ring.shape[1]
        end = round(one.end_at / self._step_s)
        known = one.channel, one.metric
        is_new = known not in self._rows
        row = self._row(known)
        count = min(len(one.values), steps if is_new else 2, steps - (self._end - end))
        if count > 0:
            self._ring[row, np.arange(end - count, end) % steps] = one.values[-count:]

    def _row(self, key: Key) -> int:
        if key not in self._rows:
            self._rows[key] = len(self._rows)
            if len(self._rows) > len(self._ring):
                more = max(8, len(self._ring))
                fresh = np.full((more, self._ring.shape[1]), np.nan, dtype=np.float32)
                self._ring = np.concatenate([self._ring, fresh])
        return self._rows[key]
