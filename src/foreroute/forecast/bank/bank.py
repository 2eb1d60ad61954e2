"""The default forecast engine: every series of every channel, brought up to date together once a minute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from foreroute.core.findings import Forecast, ForecastSkill, WindowForecast, WindowTarget
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.forecast.bank import answer, history, minute
from foreroute.forecast.bank.columns import Array
from foreroute.forecast.bank.memory import Memory
from foreroute.forecast.bank.settings import BankSettings
from foreroute.forecast.bank.standings import Standing, standings

Key = tuple[ChannelId, Metric]
Floats = NDArray[np.float64]
_SLACK_S = 1e-6
"""Instants are sums of floats."""


@dataclass(frozen=True, slots=True)
class Minute:
    """What was measured in the step that ends at `end_at`, one number a row (see `ForecastBank.row`).

    `values`: NaN where nothing was measured; shorter than the number of rows means NaN for the rest.
    `counts`: requests behind each value; 0 or NaN where that is not known.
    """

    end_at: float
    values: Floats
    counts: Floats | None = None


@dataclass(slots=True)
class ForecastBank:
    """Deterministic; not for use from two threads. What it knows is in `memory` alone (see `archive`).

    One `update` a step takes in what was measured, grades what has come due, learns from it and forecasts anew.
    """

    settings: BankSettings = field(default_factory=BankSettings)
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(self.settings)

    @property
    def keys(self) -> tuple[Key, ...]:
        """By row."""
        return tuple(self.memory.rows)

    @property
    def nbytes(self) -> int:
        """Memory that the state takes."""
        return self.memory.state.nbytes()

    @property
    def measured(self) -> NDArray[np.int32]:
        """By row, how many values have been taken in."""
        return np.asarray(self.memory.state["seen"])

    def row(self, channel: ChannelId, metric: Metric) -> int:
        """The row of a series; a new one, which knows nothing yet, if it has none."""
        key = (channel, metric)
        if key not in self.memory.rows:
            self.memory.add(key)
        return self.memory.rows[key]

    def find(self, channel: ChannelId, metric: Metric) -> int | None:
        return self.memory.rows.get((channel, metric))

    def update(self, measured: Minute, extra: Mapping[str, Array] | None = None) -> bool:
        """Takes in one step and forecasts from its end. False, and nothing learned, if it is not newer than the last.

        `extra`: opinions of the settings' `plug_ins` at this origin, each (targets, horizons, rows) in the metric's
        unit with the targets as in `TARGETS`, NaN where it has none. Steps that were left out count as unmeasured.
        Raises ValueError if there are more values than rows, or an opinion from nobody or of another shape.
        """
        memory = self.memory
        values, weights = self._columns(measured)
        opinions = self._opinions(extra or {})
        if memory.end_at is None:
            missing = 0
        else:
            ahead = (measured.end_at - memory.end_at) / self.settings.step_s
            if ahead <= _SLACK_S:
                return False
            missing = min(max(round(ahead), 1) - 1, history.TREND + max(self.settings.horizons))
        nothing = np.full(memory.state.count, np.nan, dtype=np.float32)
        for left in range(missing, 0, -1):
            minute.advance(memory, measured.end_at - left * self.settings.step_s, nothing, weights)
        minute.advance(memory, measured.end_at, values, weights, opinions)
        return True

    def forecast(self, row: int) -> Forecast | None:
        """The newest forecast of a series, for every step to the last horizon. None before its first value."""
        return answer.Answers(self.memory, [row]).forecast(0)

    def windows(self, row: int) -> tuple[WindowForecast, ...]:
        """`forecast(row).windows` without the work for its path."""
        return answer.Answers(self.memory, [row]).windows(0)

    def answers(self, rows: Sequence[int]) -> answer.Answers:
        """The newest forecasts of several series, for less than one by one."""
        return answer.Answers(self.memory, rows)

    def current(self) -> Floats:
        """(targets, horizons, 5, rows): value, lower95, lower80, upper80, upper95 of the newest forecasts, or NaN.

        Targets as in `TARGETS`, horizons as in the settings, ascending.
        """
        return np.moveaxis(self.memory.state["now"], 1, 0).astype(np.float64)

    def predicted(self, row: int, target: WindowTarget, horizon_s: float) -> tuple[tuple[float, float], ...]:
        """(end of the window it was for, what was said `horizon_s` earlier), oldest first, of the last two hours."""
        return answer.predicted(self.memory, row, target, horizon_s)

    def standings(self, row: int) -> tuple[Standing, ...]:
        """How well each target and horizon of a series is forecast, and whose word counts how much."""
        return standings(self.memory, row)

    def skills(self) -> tuple[ForecastSkill, ...]:
        """Every expert's record on every series: means of the single window at the horizon's end, of late."""
        return tuple(
            skill
            for row in range(self.memory.state.count)
            for standing in standings(self.memory, row)
            if standing.target is WindowTarget.MEAN
            for skill in standing.skills
        )

    def _columns(self, measured: Minute) -> tuple[Array, Array]:
        state = self.memory.state
        given = len(measured.values)
        if given > state.count:
            raise ValueError(f"{given} values for {state.count} rows")
        values = np.full(state.count, np.nan, dtype=np.float32)
        with np.errstate(over="ignore"):
            values[:given] = measured.values
        values = np.where(np.isfinite(values) & (values >= 0), values, np.float32(np.nan))
        weights = np.ones(state.count, dtype=np.float32)
        if measured.counts is not None:
            counts = np.asarray(measured.counts, dtype=np.float32)
            weights[: len(counts)] = np.where(np.isfinite(counts) & (counts > 0), counts, 1.0)
        return np.minimum(values, state["ceiling"]), weights

    def _opinions(self, extra: Mapping[str, Array]) -> Array:
        names = self.settings.plug_ins
        shape = (2, len(self.settings.horizons), self.memory.state.count)
        found = np.full((len(names), *shape), np.nan, dtype=np.float32)
        for name, opinion in extra.items():
            if name not in names:
                raise ValueError(f"there is no expert {name!r}; known: {', '.join(names) or 'none'}")
            if opinion.shape != shape:
                raise ValueError(f"opinions of {name} have shape {opinion.shape}, not {shape}")
            found[names.index(name)] = np.where(opinion >= 0, opinion, np.nan)
        return found
