"""Answers about one series from what the last step has worked out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from foreroute.core.findings import Forecast, WindowForecast, WindowTarget
from foreroute.forecast.bank import noise
from foreroute.forecast.bank.drawn import DrawnForecast, Path
from foreroute.forecast.bank.memory import Memory
from foreroute.forecast.bank.roster import ENSEMBLE
from foreroute.forecast.bank.settings import TARGETS

Floats = NDArray[np.float64]


class Answers:
    """What the last step has worked out about some series, taken out of the bank together; made anew after each step.

    `rows` are those of the bank; each answer is asked for by its place among them.
    """

    def __init__(self, memory: Memory, rows: Sequence[int]) -> None:
        state, settings = memory.state, memory.settings
        self._memory, self._rows = memory, rows
        self._end_at, self._step_s = memory.end_at, settings.step_s
        now = state["now"][..., rows].transpose(3, 0, 1, 2)
        self._seen = state["seen"][rows].tolist()
        self._said = now.tolist()
        self._noise = list(
            zip(*(state[name][rows].tolist() for name in ("requests", "wiggle", "wiggles")), strict=True)
        )
        self._steps = settings.horizons
        self._points, self._knots = now[:, :, 1].astype(np.float64), self._steps
        if self._steps[0] > 1:
            first = _first(state["level_now"][rows].astype(np.float64), self._points[:, 0])
            self._points = np.concatenate([first[:, None], self._points], axis=1)
            self._knots = (1, *self._steps)

    def forecast(self, place: int) -> Forecast | None:
        """The path goes through the forecasts of single windows; what lies between is drawn between them."""
        if self._end_at is None or not self._seen[place]:
            return None
        channel, metric = self._memory.key(self._rows[place])
        return DrawnForecast(
            channel=channel,
            metric=metric,
            origin_at=self._end_at,
            step_s=self._step_s,
            coverage=0.8,
            model=ENSEMBLE,
            windows=self.windows(place),
            draw=partial(_path, self._knots, self._points[place]),
        )

    def windows(self, place: int) -> tuple[WindowForecast, ...]:
        """By horizon and then by target: the numbers alone. Empty before the first value."""
        if self._end_at is None or not self._seen[place]:
            return ()
        requests, wiggle, wiggles = self._noise[place]
        return tuple(
            WindowForecast(
                target=target,
                horizon_s=steps * self._step_s,
                value=value,
                lower80=low80,
                upper80=high80,
                lower95=low95,
                upper95=high95,
                n_effective=requests,
                floor_ratio=noise.floor_ratio(wiggle, wiggles, 1 if target is WindowTarget.POINT else steps),
            )
            for steps, by_target in zip(self._steps, self._said[place], strict=True)
            for target, (value, low95, low80, high80, high95) in zip(TARGETS, by_target, strict=True)
        )


def predicted(
    memory: Memory, row: int, target: WindowTarget, horizon_s: float
) -> tuple[tuple[float, float], ...]:
    at = _horizon(memory, horizon_s)
    if memory.end_at is None:
        return ()
    state = memory.state
    ring = state[f"past_{at}"][:, TARGETS.index(target), row]
    anchor, offset = (float(state[name][row]) for name in ("anchor", "offset"))
    found = []
    for age in range(min(memory.tick, len(ring)) - 1, -1, -1):
        said = float(ring[(memory.tick - 1 - age) % len(ring)])
        if np.isfinite(said):
            due_at = memory.end_at + (memory.settings.horizons[at] - age) * memory.settings.step_s
            found.append((due_at, max(0.0, math.exp(said + anchor) - offset)))
    return tuple(found)


def _horizon(memory: Memory, horizon_s: float) -> int:
    steps = max(1, round(horizon_s / memory.settings.step_s))
    if steps not in memory.settings.horizons:
        raise ValueError(f"nothing is forecast {horizon_s:g} s ahead")
    return memory.settings.horizons.index(steps)


def _first(level: Floats, point: Floats) -> Floats:
    """One step ahead: the level now, as unsure in proportion as the first horizon, which is at least what it is.

    (series,) and (series, 5), the value first.
    """
    value = point[:, :1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(value > 0, point * (level[:, None] / value), point)


def _path(steps: tuple[int, ...], points: Floats) -> Path:
    """Each column of `points` (steps, columns) at every step to the last, as `np.interp` would draw it.

    Columns are the value, lower95, lower80, upper80 and upper95.
    """
    columns = points.T
    if len(steps) == 1:
        return tuple((value,) * steps[0] for value in points[0].tolist())
    grid = _grid(steps)
    slopes = np.diff(columns, axis=1) / grid.gaps
    path = slopes[:, grid.segment] * grid.into + columns[:, grid.segment]
    path[:, -1] = columns[:, -1]
    return tuple(map(tuple, path.tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Where each step lies between the points: after which one, and how far from it."""

    gaps: Floats
    segment: NDArray[np.intp]
    into: Floats


@cache
def _grid(steps: tuple[int, ...]) -> _Grid:
    known, grid = np.array(steps, dtype=np.float64), np.arange(1.0, steps[-1] + 1.0)
    segment = np.clip(np.searchsorted(known, grid, side="right") - 1, 0, max(0, len(steps) - 2))
    return _Grid(np.diff(known), segment, np.maximum(grid - known[segment], 0.0))
