"""Cheap models of all series at once, for tests of what surrounds them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from foreroute.core.errors import ModelFileError, TooLittleHistory
from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster, FittedPool
from foreroute.core.series import Series
from foreroute.forecast.naive import Naive
from foreroute.forecast.values import known


@dataclass(frozen=True)
class Average:
    """Says the mean of the last `window` values, times `factor`."""

    window: int = 30
    factor: float = 1.0
    name: str = "average"

    def forecast(self, series: Sequence[Series], *, steps: int) -> tuple[Forecast, ...]:
        return tuple(self._one(one, steps) for one in series)

    def _one(self, series: Series, steps: int) -> Forecast:
        values = known(series, last=self.window).values
        mean = self.factor * float(values.mean()) if len(values) else float("nan")
        said = Naive().fit(series).forecast(series, steps=steps)
        return replace(said, mean=(mean,) * steps, model=self.name)

    def dump(self) -> Mapping[str, bytes]:
        return {"average.json": json.dumps([self.window, self.factor]).encode()}


@dataclass
class Averages:
    """Fits an `Average`, and remembers what it was fitted on."""

    window: int = 30
    factor: float = 1.0
    name: str = "average"
    history_min: int = 100
    libraries: tuple[str, ...] = ("pydantic",)
    seen: list[tuple[Series, ...]] = field(default_factory=list)

    def fit(self, series: Sequence[Series]) -> FittedPool:
        self.seen.append(tuple(series))
        if max((len(one.values) for one in series), default=0) < self.history_min:
            raise TooLittleHistory(f"fewer than {self.history_min} values")
        return Average(self.window, self.factor, self.name)

    def load(self, files: Mapping[str, bytes]) -> FittedPool:
        try:
            window, factor = json.loads(files["average.json"])
        except (KeyError, ValueError):
            raise ModelFileError("no average") from None
        return Average(window, factor, self.name)


@dataclass
class Counting:
    """A forecaster of single series that counts how often it was asked."""

    name: str = "counting"
    asked: list[str] = field(default_factory=list)

    def fit(self, series: Series) -> FittedForecaster:
        return self

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        self.asked.append(str(series.channel))
        said = Naive().fit(series).forecast(series, steps=steps)
        return replace(said, mean=tuple(v + step for step, v in enumerate(said.mean)), model=self.name)
