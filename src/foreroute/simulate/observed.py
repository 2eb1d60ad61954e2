"""Requests that were real: what a world is learnt from, and what a simulated one is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Successful requests of one channel in order of time; all arrays have one length."""

    channel: str
    at: Values
    """When each began, in seconds since the epoch."""
    seconds: Values
    """To the first token; of the whole answer where `whole` says so."""
    input_tokens: Values
    output_tokens: Values
    weights: Values
    """How many requests each stands for."""
    body_s: Values
    """Between the first token and the end; NaN where that is not known."""
    whole: bool = False
    attempts: float = 0.0
    failures: float = 0.0

    def __len__(self) -> int:
        return len(self.at)

    def part(self, chosen: NDArray[np.bool_]) -> "Observed":
        share = float(self.weights[chosen].sum() / self.weights.sum()) if len(self) else 0.0
        return Observed(
            channel=self.channel,
            at=self.at[chosen],
            seconds=self.seconds[chosen],
            input_tokens=self.input_tokens[chosen],
            output_tokens=self.output_tokens[chosen],
            weights=self.weights[chosen],
            body_s=self.body_s[chosen],
            whole=self.whole,
            attempts=self.attempts * share,
            failures=self.failures * share,
        )

    def split(self, at: float) -> "tuple[Observed, Observed]":
        """What began before an instant, and what did not."""
        return self.part(self.at < at), self.part(self.at >= at)


def instant_of_split(observed: Sequence[Observed], ratio: float) -> float:
    """The instant before which so large a part of all requests began."""
    at = np.concatenate([one.at for one in observed])
    weights = np.concatenate([one.weights for one in observed])
    order = np.argsort(at, kind="stable")
    total = np.cumsum(weights[order])
    return float(at[order][min(int(np.searchsorted(total, ratio * total[-1])), len(at) - 1)])


def weighted_quantiles(values: Values, weights: Values, ranks: Sequence[float]) -> list[float]:
    """Between the middles of the values' own shares, linear."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    middles = (total - 0.5 * weights[order]) / total[-1]
    return [float(value) for value in np.interp(ranks, middles, values[order])]


def ks_distance(one: Values, other: Values, weights_one: Values, weights_other: Values) -> float:
    """The largest difference between two distribution functions (Kolmogorov and Smirnov), 0…1."""
    grid = np.sort(np.concatenate([one, other]))
    return float(np.max(np.abs(_below(one, weights_one, grid) - _below(other, weights_other, grid))))


def _below(values: Values, weights: Values, grid: Values) -> Values:
    order = np.argsort(values, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(weights[order])])
    found: Values = total[np.searchsorted(values[order], grid, side="right")] / total[-1]
    return found
