"""What the whole of the bank's forecasts has been worth: one series in short, and all of them in sum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreroute.core.findings import ForecastSkill, WindowTarget
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.bank.memory import Memory
from foreroute.forecast.bank.roster import ENSEMBLE
from foreroute.forecast.bank.settings import TARGETS

_POINT: Final = TARGETS.index(WindowTarget.POINT)
_DRIFT_OUTCOMES: Final = 300
_DRIFT_RATIO: Final = 1.25
_IN_SECONDS: Final = frozenset(
    {
        Metric.LATENCY_P50,
        Metric.LATENCY_P95,
        Metric.LATENCY_MEAN,
        Metric.FIRST_CHUNK_P50,
        Metric.FIRST_CHUNK_P95,
    }
)


@dataclass(frozen=True, slots=True)
class Total:
    """Of all latencies and horizons, each by the single window at its end: outcomes, and summed errors in seconds."""

    graded: int = 0
    error_s: float = 0.0
    naive_error_s: float = 0.0

    def since(self, earlier: "Total") -> "Total":
        return Total(
            self.graded - earlier.graded,
            self.error_s - earlier.error_s,
            self.naive_error_s - earlier.naive_error_s,
        )


def total(memory: Memory) -> Total:
    rows = [row for (_, metric), row in memory.rows.items() if metric in _IN_SECONDS]
    outcomes = memory.state["outcomes"][:, _POINT, -1][:, rows].astype(np.float64)
    mean, naive = (memory.state[name][:, _POINT, -1][:, rows] for name in ("mean_loss", "mean_naive_loss"))
    return Total(int(outcomes.sum()), float((outcomes * mean).sum()), float((outcomes * naive).sum()))


def ensemble_skills(memory: Memory, keys: Sequence[tuple[ChannelId, Metric]]) -> list[ForecastSkill]:
    """By series, then by horizon: the mixed forecast of the single window at its end, of late. Nothing of a horizon
    before its first outcome. Raises KeyError for a series that is not known.
    """
    state, settings = memory.state, memory.settings
    rows = [memory.rows[key] for key in keys]
    outcomes, loss, naive, weight = (
        state[name][:, _POINT, -1][:, rows].tolist()
        for name in ("outcomes", "loss", "naive_loss", "loss_weight")
    )
    graded, inside = (state[name][:, _POINT][:, rows].tolist() for name in ("graded", "inside80"))
    return [
        ForecastSkill(
            channel=channel,
            metric=metric,
            horizon_s=steps * settings.step_s,
            model=ENSEMBLE,
            outcomes=outcomes[at][one],
            mean_absolute_error=loss[at][one] / weight[at][one],
            naive_mean_absolute_error=naive[at][one] / weight[at][one],
            coverage=inside[at][one] / graded[at][one] if graded[at][one] else None,
            has_vote=outcomes[at][one] >= settings.outcomes_min and loss[at][one] < naive[at][one],
        )
        for one, (channel, metric) in enumerate(keys)
        for at, steps in enumerate(settings.horizons)
        if outcomes[at][one]
    ]


def drifted(memory: Memory) -> tuple[tuple[ChannelId, Metric], ...]:
    """Series whose recent error at the first horizon is far above that over everything, relative to the last value's.

    So a series that has only become harder for everybody has not drifted.
    """
    state = memory.state
    outcomes = state["outcomes"][0, _POINT, -1]
    recent = state["loss"][0, _POINT, -1] / np.maximum(state["naive_loss"][0, _POINT, -1], 1e-30)
    always = state["mean_loss"][0, _POINT, -1] / np.maximum(state["mean_naive_loss"][0, _POINT, -1], 1e-30)
    moved = (outcomes >= _DRIFT_OUTCOMES) & (recent > _DRIFT_RATIO * always) & (recent > 1.0)
    keys = list(memory.rows)
    return tuple(keys[row] for row in np.flatnonzero(moved))
