"""Answers about one series from what the last step has worked out."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from foreroute.core.findings import Forecast, WindowForecast, WindowTarget
from foreroute.forecast.bank import noise
from foreroute.forecast.bank.memory import Memory
from foreroute.forecast.bank.roster import ENSEMBLE
from foreroute.forecast.bank.settings import TARGETS

Floats = NDArray[np.float64]


def forecast(memory: Memory, row: int) -> Forecast | None:
    """The path goes through the forecasts of single windows; what lies between is drawn between them."""
    state, settings = memory.state, memory.settings
    channel, metric = memory.key(row)
    if memory.end_at is None or state["seen"][row] == 0:
        return None
    points = state["now"][:, 1, :, row].astype(np.float64)
    steps = settings.horizons
    if steps[0] > 1:
        points = np.concatenate([_first(float(state["level_now"][row]), points[0])[None], points])
        steps = (1, *steps)
    value, low95, low80, high80, high95 = _path(steps, points)
    return Forecast(
        channel=channel,
        metric=metric,
        origin_at=memory.end_at,
        step_s=settings.step_s,
        mean=value,
        lower=low80,
        upper=high80,
        coverage=0.8,
        model=ENSEMBLE,
        windows=windows(memory, row),
        lower95=low95,
        upper95=high95,
    )


def windows(memory: Memory, row: int) -> tuple[WindowForecast, ...]:
    """By horizon and then by target: the numbers alone, without the path through them. Empty before the first value."""
    state, settings = memory.state, memory.settings
    if memory.end_at is None or state["seen"][row] == 0:
        return ()
    said = state["now"][..., row].tolist()
    requests, wiggle, wiggles = (state[name][row].item() for name in ("requests", "wiggle", "wiggles"))
    return tuple(
        WindowForecast(
            target=target,
            horizon_s=steps * settings.step_s,
            value=value,
            lower80=low80,
            upper80=high80,
            lower95=low95,
            upper95=high95,
            n_effective=requests,
            floor_ratio=noise.floor_ratio(wiggle, wiggles, 1 if target is WindowTarget.POINT else steps),
        )
        for steps, by_target in zip(settings.horizons, said, strict=True)
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


def _first(level: float, point: Floats) -> Floats:
    """One step ahead: the level now, as unsure in proportion as the first horizon, which is at least what it is."""
    return point * (level / point[0]) if point[0] > 0 else point


def _path(steps: tuple[int, ...], points: Floats) -> list[tuple[float, ...]]:
    """Each column of `points` (steps, columns) at every step to the last, as `np.interp` would draw it."""
    grid = _grid(steps)
    if len(steps) == 1:
        return [(value,) * steps[0] for value in points[0].tolist()]
    slopes = (points[1:] - points[:-1]) / grid.gaps
    path = slopes[grid.segment] * grid.into + points[grid.segment]
    path[-1] = points[-1]
    return [tuple(column) for column in path.T.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Where each step lies between the points: after which one (steps,), and how far from it (steps, 1)."""

    gaps: Floats
    segment: NDArray[np.intp]
    into: Floats


@cache
def _grid(steps: tuple[int, ...]) -> _Grid:
    known, grid = np.array(steps, dtype=np.float64), np.arange(1.0, steps[-1] + 1.0)
    segment = np.clip(np.searchsorted(known, grid, side="right") - 1, 0, max(0, len(steps) - 2))
    return _Grid(np.diff(known)[:, None], segment, np.maximum(grid - known[segment], 0.0)[:, None])
