"""What a replay is worth: errors of the forecasts beside the last value's and the peers', on the same origins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bench.forecast.data import Floats, Group
from bench.forecast.peer import Peer
from bench.forecast.replay import MEAN, Replay, columns

_ORIGINS: Final = 150
"""At which a peer is asked, of each series, evenly spread over the scored part."""
_OUTCOMES_MIN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One series, target and horizon. Errors in the metric's unit; `floor`: what a perfect forecast's MAPE would be.

    `peers`: name → (ours, the peer's) mean absolute error on the peer's origins.
    """

    group: str
    series: str
    target: int
    horizon: int
    days: float
    outcomes: int
    error: float
    naive_error: float
    mape: float
    floor: float
    inside80: float
    inside95: float
    peers: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def cells(groups: Sequence[Group], played: Replay, peers: Sequence[Peer]) -> Iterator[Cell]:
    """Of groups that were played side by side in this order."""
    members = [(group, member) for group in groups for member in group.members]
    values, _ = columns([member for _, member in members])
    last = _carried(values)
    for number, (group, member) in enumerate(members):
        length = len(member.series.values)
        part = slice(round(group.warm_ratio * length), length)
        said = _peers_said(peers, values[:length, number], part, group.step_s, played.horizons)
        for target in (0, 1):
            for at, steps in enumerate(played.horizons):
                outcome = played.outcomes[target, at, part, number]
                ours = played.said[target, at, :, part, number].astype(np.float64)
                known = np.isfinite(outcome) & np.isfinite(ours[0]) & np.isfinite(last[part, number])
                if target == MEAN:
                    known &= played.requests[at, part, number] >= group.requests_min
                error = np.abs(outcome - ours[0])
                naive = np.abs(outcome - last[part, number])
                if known.sum() < _OUTCOMES_MIN or naive[known].mean() == 0:
                    continue
                floor = _noise(values[part, number]) / (np.sqrt(steps) if target == MEAN else 1.0)
                yield Cell(
                    group=group.name,
                    series=str(member.series.channel),
                    target=target,
                    horizon=steps,
                    days=length * group.step_s / 86_400.0,
                    outcomes=int(known.sum()),
                    error=float(error[known].mean()),
                    naive_error=float(naive[known].mean()),
                    mape=_mape(error[known], outcome[known]),
                    floor=floor,
                    inside80=float(np.mean((outcome >= ours[2]) & (outcome <= ours[3]), where=known)),
                    inside95=float(np.mean((outcome >= ours[1]) & (outcome <= ours[4]), where=known)),
                    peers=_beside(said, (target, at), outcome, error, known),
                )


Said = tuple[Floats, dict[str, Floats]]
"""Origins within the scored part, and (targets, horizons, origins) of each peer."""


def _peers_said(
    peers: Sequence[Peer], values: Floats, part: slice, step_s: float, horizons: Sequence[int]
) -> Said:
    ends = np.unique(np.linspace(part.start, part.stop - 1, _ORIGINS).astype(int))
    found = {}
    for peer in peers:
        answers = [peer.predict(values[: end + 1], step_s, horizons) for end in ends]
        found[peer.name] = np.moveaxis(np.array(answers), 0, -1)
    return ends - part.start, found


def _beside(
    said: Said, at: tuple[int, int], outcome: Floats, error: Floats, known: Floats
) -> dict[str, tuple[float, float]]:
    origins, found = said
    pairs = {}
    for name, answers in found.items():
        theirs = np.abs(outcome[origins] - answers[at])
        both = known[origins].astype(bool) & np.isfinite(theirs)
        if both.sum() >= _OUTCOMES_MIN and theirs[both].mean() > 0:
            pairs[name] = (float(error[origins][both].mean()), float(theirs[both].mean()))
    return pairs


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
    at = np.where(np.isfinite(values), np.arange(len(values))[:, None], 0)
    return np.take_along_axis(values, np.maximum.accumulate(at, axis=0), axis=0)
