"""What a replay is worth: errors of the forecasts beside the last value's and the peers', on the same origins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from foreroute.core.series import Series
from foreroute.forecast.backtest_peers import Peer
from foreroute.forecast.backtest_replay import MEAN, Replay
from foreroute.forecast.bank.settings import TARGETS
from foreroute.forecast.values import Floats

OUTCOMES_MIN: Final = 5
_ROUNDING: Final = 1e-9
"""Errors below this share of the outcomes are rounding, and none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What of a series is scored.

    The first `warm_ratio` is for learning. `requests_min`: windows with fewer requests are not scored; what they
    measure is mostly chance. `origins`: at which a peer is asked, evenly spread over the scored part.
    """

    warm_ratio: float = 0.35
    requests_min: int = 0
    origins: int = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One series, target and horizon. Errors in the metric's unit; `floor`: what a perfect forecast's MAPE would be.

    `peers`: name → (ours, the peer's) mean absolute error on the peer's origins. `weights`: expert → its share in the
    mix after the last step.
    """

    series: Series
    target: int
    """As in `TARGETS`: 0 the window's mean, 1 the single value at its end."""
    horizon: int
    """In steps."""
    outcomes: int
    error: float
    naive_error: float
    mape: float
    floor: float
    inside80: float
    inside95: float
    peers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Error over the last value's; NaN where that was never wrong."""
        return self.error / self.naive_error if self.naive_error > 0 else float("nan")

    @property
    def days(self) -> float:
        return len(self.series.values) * self.series.step_s / 86_400.0

    @property
    def horizon_s(self) -> float:
        return self.horizon * self.series.step_s


def scores(played: Replay, number: int, peers: Sequence[Peer], rules: Rules) -> Iterator[Score]:
    """Of one series, where there are outcomes enough."""
    series, span = played.series[number], played.span(number)
    part = slice(span.start + round(rules.warm_ratio * len(series.values)), span.stop)
    values = played.values[span, number]
    last = _carried(values)[part.start - span.start :]
    said = _peers_said(peers, values, part.start - span.start, played, rules.origins)
    spread = _noise(values[part.start - span.start :])
    for target in range(len(TARGETS)):
        for at, steps in enumerate(played.horizons):
            outcome = played.outcomes[target, at, part, number]
            ours = played.said[target, at, :, part, number].astype(np.float64)
            known = np.isfinite(outcome) & np.isfinite(ours[0]) & np.isfinite(last)
            if target == MEAN:
                known &= played.requests[at, part, number] >= rules.requests_min
            if known.sum() < OUTCOMES_MIN:
                continue
            error = np.abs(outcome - ours[0])
            yield Score(
                series=series,
                target=target,
                horizon=steps,
                outcomes=int(known.sum()),
                error=float(error[known].mean()),
                naive_error=_error(np.abs(outcome - last)[known], outcome[known]),
                mape=_mape(error[known], outcome[known]),
                floor=spread / (np.sqrt(steps) if target == MEAN else 1.0),
                inside80=float(np.mean((outcome >= ours[2]) & (outcome <= ours[3]), where=known)),
                inside95=float(np.mean((outcome >= ours[1]) & (outcome <= ours[4]), where=known)),
                peers=_beside(said, (target, at), outcome, error, known),
                weights=_weights(played, number, target, steps),
            )


Said = tuple[Floats, dict[str, Floats]]
"""Origins within the scored part, and (targets, horizons, origins) of each peer."""


def _peers_said(peers: Sequence[Peer], values: Floats, first: int, played: Replay, origins: int) -> Said:
    ends = np.unique(np.linspace(first, len(values) - 1, origins).astype(int))
    found = {}
    for peer in peers:
        answers = [peer.predict(values[: end + 1], played.settings.step_s, played.horizons) for end in ends]
        found[peer.name] = np.moveaxis(np.array(answers), 0, -1)
    return ends - first, found


def _beside(
    said: Said, at: tuple[int, int], outcome: Floats, error: Floats, known: Floats
) -> dict[str, tuple[float, float]]:
    origins, found = said
    pairs = {}
    for name, answers in found.items():
        theirs = np.abs(outcome[origins] - answers[at])
        both = known[origins].astype(bool) & np.isfinite(theirs)
        if both.sum() < OUTCOMES_MIN:
            continue
        if (wrong := _error(theirs[both], outcome[origins][both])) > 0:
            pairs[name] = (float(error[origins][both].mean()), wrong)
    return pairs


def _weights(played: Replay, number: int, target: int, steps: int) -> Mapping[str, float]:
    horizon_s = steps * played.settings.step_s
    for standing in played.standings[number]:
        if standing.target is TARGETS[target] and standing.horizon_s == horizon_s:
            return standing.weights
    return {}


def _error(errors: Floats, outcome: Floats) -> float:
    mean = float(errors.mean())
    return mean if mean > _ROUNDING * float(np.abs(outcome).mean()) else 0.0


def _mape(error: Floats, outcome: Floats) -> float:
    positive = outcome > 0
    return float(np.mean(error[positive] / outcome[positive])) if positive.any() else float("nan")


def _noise(values: Floats) -> float:
    """Mean absolute relative error that a bucket's own noise makes: what sets it apart from its two neighbours."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(values)
        apart = np.abs(logs[1:-1] - (logs[:-2] + logs[2:]) / 2.0)
    known = apart[np.isfinite(apart)]
    return float(known.mean() / np.sqrt(1.5)) if len(known) else float("nan")


def _carried(values: Floats) -> Floats:
    """The last measured value at each step; NaN before the first."""
    at = np.where(np.isfinite(values), np.arange(len(values)), 0)
    return values[np.maximum.accumulate(at)]
