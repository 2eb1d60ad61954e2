"""What any forecaster must do to be compared, and the cheap ones that everybody should be compared with.

`mean_of_10` is how LiteLLM's latency-based routing judges a deployment: the mean of its last ten latencies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from foreroute.forecast.values import Floats


class Peer(Protocol):
    """Answers from the history alone: no state between calls that comes from values after the origin."""

    @property
    def name(self) -> str: ...

    def predict(self, history: Floats, step_s: float, horizons: Sequence[int]) -> tuple[Floats, Floats]:
        """For each horizon in steps: the mean over the whole window, and the single value at its end.

        `history` is what was measured up to the origin, oldest first, NaN where nothing was.
        """
        ...


@dataclass(frozen=True, slots=True)
class Level:
    """The same at every horizon, from the newest measured values."""

    name: str
    weights: Floats
    """Of the newest value, the one before it, …"""

    def predict(self, history: Floats, step_s: float, horizons: Sequence[int]) -> tuple[Floats, Floats]:  # noqa: ARG002
        known = history[-4 * len(self.weights) :]
        known = known[np.isfinite(known)][::-1][: len(self.weights)]
        weights = self.weights[: len(known)]
        value = float(weights @ known / weights.sum()) if len(known) else float("nan")
        level = np.full(len(horizons), value)
        return level, level


@dataclass(frozen=True, slots=True)
class Seasonal:
    """The level of the last quarter of an hour times the ratio of then to now, one to three days ago."""

    name: str = "seasonal_ratio"

    def predict(self, history: Floats, step_s: float, horizons: Sequence[int]) -> tuple[Floats, Floats]:
        day = round(86_400.0 / step_s)
        back = max(1, round(900.0 / step_s))
        now = _mean(history[-back:])
        means, points = [], []
        for steps in horizons:
            window, point = [], []
            for days in range(1, 4):
                then = len(history) - days * day
                if then - back >= 0:
                    level = _mean(history[then - back : then]) or float("nan")
                    window.append(_mean(history[then : then + steps]) / level)
                    around = min(back // 2, steps - 1)
                    end = then + steps - 1
                    point.append(_mean(history[end - around : end + around + 1]) / level)
            means.append(now * _median(window))
            points.append(now * _median(point))
        return np.array(means), np.array(points)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _median(ratios: list[float]) -> float:
    """One if no day is known."""
    known = [ratio for ratio in ratios if np.isfinite(ratio)]
    return float(np.median(known)) if known else 1.0


def baselines(step_s: float) -> tuple[Peer, ...]:
    """The last value, what a router's mean of the last ten says, a quarter of an hour's average, yesterday's ratio."""
    memory = max(1.0, 900.0 / step_s)
    ages = np.arange(int(6 * memory) + 1, dtype=np.float64)
    return (
        Level("last", np.ones(1)),
        Level("mean_of_10", np.ones(10)),
        Level("ewma_15min", np.exp(-ages / memory)),
        Seasonal(),
    )


NAIVE: Final = "last"
