"""One forecast from several, each weighing what its record is worth.

A forecast is a level now and a change from there. Levels are averaged by how small each model's error has been.
Changes are taken only from models that have a view on change (a last value has none and would merely dilute), and
are scaled by how far predicted changes have come true in this series: 0 never, 1 fully. So the ensemble can
collapse onto the last value: level from naive alone, change not believed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from foreroute.forecast.values import Floats

_SHARPNESS = 4.0
"""Weight = error ** −sharpness: high enough that a model much worse than the others does not count."""
_LOSS_MEMORY = 0.992
"""How much of an error's weight is left after one more outcome: about the last 120 count.

Outcomes a minute apart, of forecasts a quarter of an hour ahead, share most of their way: of 30 of them, only two are
independent, and a vote that hangs on two is lost to chance, most often at the start of a ramp, when it is needed.
"""
_CHANGE_MEMORY = 0.97
_TRACKING_MEMORY = 0.88
_PRIOR_CHANGES = 20.0
_PRIOR_SPREAD = 0.08
"""The prior that changes come true weighs as much as this many changes of this relative size."""
_REALISED_MAX = 2.0


@dataclass(slots=True)
class Loss:
    """Absolute errors of one model beside those of the last value, on the same outcomes."""

    outcomes: int = 0
    total: float = 0.0
    naive_total: float = 0.0
    recent: float = 0.0
    naive_recent: float = 0.0
    weight: float = 0.0

    def add(self, error: float, naive_error: float) -> None:
        self.outcomes += 1
        self.total += error
        self.naive_total += naive_error
        self.recent = _LOSS_MEMORY * self.recent + error
        self.naive_recent = _LOSS_MEMORY * self.naive_recent + naive_error
        self.weight = _LOSS_MEMORY * self.weight + 1.0

    @property
    def mean(self) -> float:
        return self.total / self.outcomes if self.outcomes else 0.0

    @property
    def naive_mean(self) -> float:
        return self.naive_total / self.outcomes if self.outcomes else 0.0

    @property
    def recent_mean(self) -> float:
        """With exponential forgetting: about the last 120 outcomes count."""
        return self.recent / self.weight if self.weight else 0.0

    @property
    def naive_recent_mean(self) -> float:
        return self.naive_recent / self.weight if self.weight else 0.0


def has_vote(loss: Loss, *, outcomes_min: int) -> bool:
    """Whether a model may steer: of late better than the last value, on enough outcomes."""
    return loss.outcomes >= outcomes_min and loss.recent_mean < loss.naive_recent_mean


@dataclass(slots=True)
class Tracking:
    """Whether a model lags: the smoothed error over the smoothed absolute error (Trigg 1964), from −1 to 1.

    A model whose errors one step ahead are all on one side has missed a change of level; waiting for its
    error at the long horizon to show that would take as long as the horizon.
    """

    error: float = 0.0
    size: float = 0.0

    def add(self, error: float) -> None:
        self.error = _TRACKING_MEMORY * self.error + error
        self.size = _TRACKING_MEMORY * self.size + abs(error)

    @property
    def trust(self) -> float:
        """1 while errors cancel out, near 0 when they are all on one side."""
        signal = self.error / self.size if self.size > 0 else 0.0
        return float((1.0 - signal * signal) ** 3)


@dataclass(slots=True)
class Credibility:
    """How far predicted changes have come true: the slope of realised on predicted change, with a prior of one."""

    product: float = 0.0
    square: float = 0.0

    def add(self, predicted: float, realised: float, level: float) -> None:
        """All three in the metric's own unit; changes are taken relative to the level.

        What came is counted up to twice what was predicted: that a ripple was predicted where a ramp began says
        that the ramp was not foreseen, not that predicted changes go the wrong way.
        """
        if level > 0:
            change = predicted / level
            most = _REALISED_MAX * abs(change)
            self.product = _CHANGE_MEMORY * self.product + change * min(max(realised / level, -most), most)
            self.square = _CHANGE_MEMORY * self.square + change * change

    @property
    def factor(self) -> float:
        prior = _PRIOR_CHANGES * _PRIOR_SPREAD**2
        return float(min(max((prior + self.product) / (prior + self.square), 0.0), 1.0))


def weights(losses: Mapping[str, Loss], trust: Mapping[str, float], *, outcomes_min: int) -> dict[str, float]:
    """Inverse-loss weights times trust, summing to 1; all equal before trust while none has enough outcomes.

    Each model's error is taken against the last value's on the same outcomes, so that a newcomer is compared
    fairly with those whose record began in other weather. Once one model is proven, unproven ones weigh nothing.
    """
    proven = {name: loss for name, loss in losses.items() if loss.outcomes >= outcomes_min}
    if proven:
        errors = {name: _relative_error(loss) for name, loss in proven.items()}
    else:
        errors = dict.fromkeys(losses, 1.0)
    least = min(errors.values(), default=1.0)
    raw = {
        name: (least / error) ** _SHARPNESS * max(trust.get(name, 1.0), 1e-6)
        for name, error in errors.items()
    }
    total = sum(raw.values())
    return {name: raw.get(name, 0.0) / total for name in losses}


def combine(paths: Mapping[str, Floats], shares: Mapping[str, float], credibility: float) -> Floats:
    """The weighted level plus the credible part of the weighted change. Paths are means for steps 1, 2, …

    NaN throughout if no path is finite.
    """
    finite = {name: path for name, path in paths.items() if np.isfinite(path).all()}
    usable = {name: path for name, path in finite.items() if shares.get(name, 0.0) > 0}
    if not usable:
        return next(iter((finite or paths).values()))
    total = sum(shares[name] for name in usable)
    level = sum(shares[name] * float(path[0]) for name, path in usable.items()) / total
    movers = {name: path - path[0] for name, path in usable.items() if (path != path[0]).any()}
    change = np.zeros(len(next(iter(usable.values()))))
    moving = sum(shares[name] for name in movers)
    for name, path in movers.items():
        change += shares[name] / moving * path
    return np.asarray(np.maximum(level + credibility * change, 0.0), dtype=np.float64)


def _relative_error(loss: Loss) -> float:
    floor = 1e-9 * max(loss.naive_mean, loss.mean, 1e-300)
    return max(loss.recent_mean, floor) / max(loss.naive_recent_mean, floor)
