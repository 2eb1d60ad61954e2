"""Answers about one series from what the last step has worked out."""

import math

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
    steps = np.array(settings.horizons, dtype=np.float64)
    if steps[0] > 1:
        points = np.concatenate([_first(float(state["level_now"][row]), points[0])[None], points])
        steps = np.concatenate([[1.0], steps])
    path = _path(steps, points, int(steps[-1]))
    return Forecast(
        channel=channel,
        metric=metric,
        origin_at=memory.end_at,
        step_s=settings.step_s,
        mean=tuple(path[0].tolist()),
        lower=tuple(path[2].tolist()),
        upper=tuple(path[3].tolist()),
        coverage=0.8,
        model=ENSEMBLE,
        windows=windows(memory, row),
        lower95=tuple(path[1].tolist()),
        upper95=tuple(path[4].tolist()),
    )


def windows(memory: Memory, row: int) -> tuple[WindowForecast, ...]:
    """By horizon and then by target: the numbers alone, without the path through them. Empty before the first value."""
    state, settings = memory.state, memory.settings
    if memory.end_at is None or state["seen"][row] == 0:
        return ()
    said = state["now"][..., row].tolist()
    requests, wiggle, wiggles = (float(state[name][row]) for name in ("requests", "wiggle", "wiggles"))
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


def _path(steps: Floats, points: Floats, length: int) -> Floats:
    grid = np.arange(1, length + 1, dtype=np.float64)
    return np.stack([np.interp(grid, steps, column) for column in points.T])
