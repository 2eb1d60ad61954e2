"""How well a series is forecast and whose word counts, as a page or a journal needs it."""

from collections.abc import Mapping
from dataclasses import dataclass

from foreroute.core.findings import ForecastSkill, WindowTarget
from foreroute.forecast.bank.memory import Memory
from foreroute.forecast.bank.roster import ENSEMBLE, NAIVE
from foreroute.forecast.bank.settings import TARGETS


@dataclass(frozen=True, slots=True)
class Standing:
    """One target and horizon of one series. Errors are in the metric's unit.

    `skills`: every expert's recent record, the ensemble's with its coverage. `totals`: expert → its mean absolute
    error over everything beside the last value's on the same outcomes. `weights` add up to 1.
    """

    target: WindowTarget
    horizon_s: float
    outcomes: int
    mape: float
    """Mean of |error| / outcome of the ensemble's forecasts, of late; NaN without outcomes."""
    coverage80: float
    coverage95: float
    weights: Mapping[str, float]
    skills: tuple[ForecastSkill, ...]
    totals: Mapping[str, tuple[float, float]]


def standings(memory: Memory, row: int) -> tuple[Standing, ...]:
    return tuple(
        _standing(memory, row, at, kind)
        for at in range(len(memory.settings.horizons))
        for kind in range(len(TARGETS))
    )


def _standing(memory: Memory, row: int, at: int, kind: int) -> Standing:
    state, names = memory.state, memory.roster.names
    channel, metric = memory.key(row)
    horizon_s = memory.settings.horizons[at] * memory.settings.step_s
    graded = int(state["graded"][at, kind, row])
    inside80, inside95 = (float(state[name][at, kind, row]) for name in ("inside80", "inside95"))
    outcomes, loss, naive, weight, mean, naive_mean, share = (
        state[name][at, kind, :, row].tolist()
        for name in (
            "outcomes",
            "loss",
            "naive_loss",
            "loss_weight",
            "mean_loss",
            "mean_naive_loss",
            "shares",
        )
    )
    coverage = inside80 / graded if graded else None
    skills = tuple(
        ForecastSkill(
            channel=channel,
            metric=metric,
            horizon_s=horizon_s,
            model=name,
            outcomes=outcomes[i],
            mean_absolute_error=loss[i] / weight[i],
            naive_mean_absolute_error=naive[i] / weight[i],
            coverage=coverage if name == ENSEMBLE else None,
            has_vote=outcomes[i] >= memory.settings.outcomes_min and loss[i] < naive[i],
        )
        for i, name in enumerate(names)
        if outcomes[i] and weight[i] > 0
    )
    return Standing(
        target=TARGETS[kind],
        horizon_s=horizon_s,
        outcomes=graded,
        mape=float(state["relative_loss"][at, kind, row]) if graded else float("nan"),
        coverage80=inside80 / graded if graded else float("nan"),
        coverage95=inside95 / graded if graded else float("nan"),
        weights={name: share[i] for i, name in enumerate(names) if name != ENSEMBLE},
        skills=skills,
        totals={name: (mean[i], naive_mean[i]) for i, name in enumerate(names) if outcomes[i]},
    )


__all__ = ["NAIVE", "Standing", "standings"]
