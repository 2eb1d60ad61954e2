"""The bank beside forecasters that are fitted anew at every origin: the same origins for everybody, few of them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import util
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.forecast.cell import Cell
from bench.forecast.data import Group
from bench.forecast.peers import Sample, refitted
from bench.report import Row
from foreroute.core.ids import ChannelId
from foreroute.forecast.backtest import geometric
from foreroute.forecast.backtest_peers import Peer
from foreroute.forecast.backtest_replay import Replay, values_of
from foreroute.forecast.values import Floats

BANK: Final = "bank"
Sizes = Mapping[tuple[str, ChannelId, int, int], float]
"""(group, series, target, horizon) → the last value's error."""
_PROMISED: Final = {"AutoARIMA": 0.85, "AutoETS": 1.0, "MSTL": 1.0, "Prophet": 0.55}
_HINDSIGHT: Final = 0.92
_WORST: Final = 1.05
_RESAMPLES: Final = 1000
_SERIES, _ORIGINS = 5, 6
_SERIES_QUICK, _ORIGINS_QUICK = 2, 2


@dataclass(frozen=True, slots=True)
class Asked:
    """What everybody said of one group. `said`: name → (origins, targets, horizons), as `wanted`; `lines` (origins,)
    says which member each origin is of; `seconds`: CPU by peer.
    """

    group: Group
    horizons: tuple[int, ...]
    said: Mapping[str, Floats]
    wanted: Floats
    lines: Floats
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where there is an outcome and everybody has an answer."""
        known = np.isfinite(self.wanted)
        for found in self.said.values():
            known &= np.isfinite(found)
        return known

    def errors(self, name: str) -> Floats:
        return np.abs(self.said[name] - self.wanted)


def samples(group: Group, *, series: int, origins: int, horizon: int) -> list[Sample]:
    """Evenly spread over the members and over the scored part of each."""
    chosen = np.unique(np.linspace(0, len(group.members) - 1, min(series, len(group.members))).round())
    found = []
    for column in chosen.astype(int).tolist():
        member = group.members[column]
        length = len(member.values)
        first = round(group.rules.warm_ratio * length)
        ends = np.unique(np.linspace(first, length - horizon, origins).round().astype(int))
        found.append(Sample(column, member, tuple(ends[ends > first - 1].tolist())))
    return found


def ask(
    group: Group, played: Replay, peers: Sequence[Peer], chosen: Sequence[Sample], *, begin: int = 0
) -> Asked:
    """The peers and the bank at the same origins. The group's first member is series number `begin` of the replay."""
    seconds = dict.fromkeys((peer.name for peer in peers), 0.0)
    said: dict[str, list[Floats]] = {name: [] for name in (BANK, *seconds)}
    wanted = []
    for sample in chosen:
        values, column = values_of(sample.member), begin + sample.column
        for origin in sample.origins:
            for peer in peers:
                started = time.process_time()
                said[peer.name].append(np.array(peer.predict(values[:origin], group.step_s, played.horizons)))
                seconds[peer.name] += time.process_time() - started
            said[BANK].append(played.said[:, :, 0, origin - 1, column].astype(np.float64))
            wanted.append(played.outcomes[:, :, origin - 1, column])
    lines = np.array([sample.column for sample in chosen for _ in sample.origins])
    answers = {name: np.array(found) for name, found in said.items()}
    return Asked(group, played.horizons, answers, np.array(wanted), lines, seconds)


def is_possible() -> bool:
    return util.find_spec("statsforecast") is not None


def ask_refitted(group: Group, played: Replay, begin: int, *, quick: bool) -> Asked:
    peers = [peer for peer in refitted() if peer.name in _PROMISED]
    series, origins = (_SERIES_QUICK, _ORIGINS_QUICK) if quick else (_SERIES, _ORIGINS)
    chosen = samples(group, series=series, origins=origins, horizon=max(played.horizons))
    return ask(group, played, peers, chosen, begin=begin)


def rows(asked: Sequence[Asked], cells: Sequence[Cell]) -> Iterator[Row]:
    """`cells`: for the size of each series' errors, so that large ones do not drown the rest."""
    sizes = {
        (cell.group, cell.score.series.channel, cell.score.target, cell.score.horizon): cell.score.naive_error
        for cell in cells
    }
    for peer, promised in _PROMISED.items():
        found = {one.group.name: ratio_of(one, peer, sizes) for one in asked if peer in one.said}
        found = {name: values for name, values in found.items() if np.isfinite(values[0])}
        if not found:
            continue
        value = geometric(values[0] for values in found.values())
        low, high = interval([values[1:] for values in found.values()])
        worst = max(found, key=lambda name: float(found[name][0]))
        worst_low, worst_high = interval([found[worst][1:]])
        origins = sum(len(one.lines) for one in asked)
        seconds = sum(one.seconds[peer] for one in asked)
        how = f"refits: the bank's mean absolute error over that of a model fitted anew on the last day at each of {origins} origins, the same for all (up to {_SERIES} series × {_ORIGINS} origins a group; quick {_SERIES_QUICK} × {_ORIGINS_QUICK}), errors in units of the series' last-value error; geometric mean over targets, horizons, groups; 90 % bootstrap over origins. The worst of many groups with few origins each is above the truth."
        shown = {
            name: {"ratio": round(float(values[0]), 4), "interval": interval([values[1:]])}
            for name, values in found.items()
        }
        yield Row(
            id=f"forecast.ratio.{peer}",
            what=f"our error over that of {peer}, refitted at every origin",
            value=value,
            unit="ratio",
            target=f"≤ {promised}",
            holds=value <= promised,
            baseline=f"90 % interval {low:.2f}–{high:.2f}; {seconds / origins:.2f} s of CPU a fit",
            how=how,
            cells=shown,
        )
        yield Row(
            id=f"forecast.ratio.{peer}.worst",
            what=f"the same, the worst group: {worst}",
            value=float(found[worst][0]),
            unit="ratio",
            target=f"≤ {_WORST}",
            holds=bool(found[worst][0] <= _WORST),
            baseline=f"90 % interval {worst_low:.2f}–{worst_high:.2f}",
            how=how,
        )
    yield from _hindsight(asked, sizes)


def _hindsight(asked: Sequence[Asked], sizes: Sizes) -> Iterator[Row]:
    """Beside whoever of the peers was best in each cell (group, target, horizon), which nobody knows before."""
    found = {one.group.name: best_ratio_of(one, sizes) for one in asked}
    found = {name: value for name, value in found.items() if np.isfinite(value)}
    if not found:
        return
    value = geometric(found.values())
    worst = max(found, key=lambda name: found[name])
    yield Row(
        id="forecast.ratio.best_peer",
        what="our error over that of the best of them in hindsight, chosen anew in each cell",
        value=value,
        unit="ratio",
        target=f"≤ {_HINDSIGHT}",
        holds=value <= _HINDSIGHT,
        baseline=f"worst group: {worst}, {found[worst]:.2f}",
        how="best_peer: as refits, the peer with the smallest error of each group, target and horizon. The fewer the origins, "
        "the more of that is luck.",
        cells={name: round(ratio, 4) for name, ratio in found.items()},
    )


def ratio_of(asked: Asked, peer: str, sizes: Sizes) -> Floats:
    """The bank's error over the peer's in one group, and then in each resample of its origins. NaN where there is none."""
    origins = len(asked.lines)
    draws = np.random.default_rng(1).integers(0, origins, (_RESAMPLES, origins))
    counts = np.array([np.bincount(draw, minlength=origins) for draw in draws])
    weights = np.concatenate([np.ones((1, origins)), counts])
    ours, theirs = asked.errors(BANK), asked.errors(peer)
    channels = [asked.group.members[column].channel for column in asked.lines.tolist()]
    logs = []
    for target in range(2):
        for at, steps in enumerate(asked.horizons):
            size = np.array([sizes.get((asked.group.name, one, target, steps), np.nan) for one in channels])
            use = asked.known[:, target, at] & (size > 0)
            mine, other = (
                weights @ np.where(use, found[:, target, at] / size, 0.0) for found in (ours, theirs)
            )
            if mine[0] > 0 and other[0] > 0:
                both = (mine > 0) & (other > 0)
                logs.append(np.log(np.where(both, mine, np.nan) / np.where(both, other, np.nan)))
    if not logs:
        return np.full(1 + _RESAMPLES, np.nan)
    return np.asarray(np.exp(np.mean(logs, axis=0)), dtype=np.float64)


def best_ratio_of(asked: Asked, sizes: Sizes) -> float:
    """The bank's error over the smallest of the peers', geometric mean over targets and horizons; NaN without peers."""
    peers = [name for name in asked.said if name in _PROMISED]
    channels = [asked.group.members[column].channel for column in asked.lines.tolist()]
    logs = []
    for target in range(2):
        for at, steps in enumerate(asked.horizons):
            size = np.array([sizes.get((asked.group.name, one, target, steps), np.nan) for one in channels])
            use = asked.known[:, target, at] & (size > 0)
            errors = {
                name: float((asked.errors(name)[use, target, at] / size[use]).sum())
                for name in (BANK, *peers)
            }
            best = min((errors[name] for name in peers), default=0.0)
            if best > 0 and errors[BANK] > 0:
                logs.append(np.log(errors[BANK] / best))
    return float(np.exp(np.mean(logs))) if logs else float("nan")


def interval(resampled: Sequence[Floats]) -> tuple[float, float]:
    """The middle 90 % of the geometric mean over groups."""
    means = np.exp(np.mean(np.log(resampled), axis=0))
    known = means[np.isfinite(means)]
    low, high = np.quantile(known, [0.05, 0.95]) if len(known) else (np.nan, np.nan)
    return round(float(low), 4), round(float(high), 4)
