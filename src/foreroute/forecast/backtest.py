"""How good the default engine would have been on series that were measured: rolling origin, no look-ahead."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

from foreroute.core.series import Series
from foreroute.forecast.backtest_peers import baselines
from foreroute.forecast.backtest_replay import HORIZONS_S, Progress, Replay, horizons_of, in_silence, replay
from foreroute.forecast.backtest_score import Rules, Score, scores
from foreroute.forecast.bank.settings import TARGETS, BankSettings

_OUTCOMES: Final = 20
"""Scored origins of the longest horizon below which a figure says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSettings:
    horizons_s: tuple[float, ...] = HORIZONS_S
    rules: Rules = Rules()  # noqa: RUF009 - a frozen value


@dataclass(frozen=True, slots=True)
class TooShort:
    """A series that was left out. In steps: how many were measured, how many it spans and how many both must be."""

    series: Series
    measured: int
    measured_needed: int
    steps_needed: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """`replays`: one of each step. `scores`: by series, target and horizon."""

    replays: tuple[Replay, ...]
    scores: tuple[Score, ...]
    too_short: tuple[TooShort, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """Over the series that have it, of one target and horizon: geometric means of ratios, plain means of coverage."""

    target: int
    horizon_s: float
    series: int
    ratio: float
    """Error over the last value's. Series whose last value was never wrong have none."""
    peers: dict[str, float] = field(default_factory=dict)
    """Name → our error over the peer's."""
    inside80: float = math.nan
    inside95: float = math.nan


def backtest(
    series: Sequence[Series],
    settings: BacktestSettings | None = None,
    progress: Progress = in_silence,
) -> Backtest:
    """Plays the series of each step side by side and scores what was said after the warm-up. Deterministic."""
    settings = settings or BacktestSettings()
    short = [problem for one in series if (problem := too_short(one, settings)) is not None]
    left_out = {id(problem.series) for problem in short}
    usable = [one for one in series if id(one) not in left_out]
    replays: list[Replay] = []
    found: list[Score] = []
    for step_s in sorted({one.step_s for one in usable}):
        bank = BankSettings(step_s=step_s, horizons_s=horizons_of(step_s, settings.horizons_s))
        played = replay([one for one in usable if one.step_s == step_s], bank, progress)
        replays.append(played)
        peers = baselines(step_s)[1:]
        for number in range(len(played.series)):
            found += scores(played, number, peers, settings.rules)
    return Backtest(tuple(replays), tuple(found), tuple(short))


def too_short(series: Series, settings: BacktestSettings) -> TooShort | None:
    """Why a series cannot be scored: its warm-up must fill a model, and the rest hold outcomes of every horizon."""
    bank = BankSettings(step_s=series.step_s, horizons_s=horizons_of(series.step_s, settings.horizons_s))
    warm_ratio = settings.rules.warm_ratio
    steps = math.ceil(
        max(bank.young / max(warm_ratio, 0.01), (max(bank.horizons) + _OUTCOMES) / (1.0 - warm_ratio))
    )
    wanted = bank.young + _OUTCOMES
    measured = sum(math.isfinite(value) for value in series.values)
    if measured >= wanted and len(series.values) >= steps:
        return None
    return TooShort(series, measured, wanted, steps)


def overall(found: Sequence[Score]) -> tuple[Overall, ...]:
    """Of each target and horizon, in that order."""
    groups: dict[tuple[int, float], list[Score]] = {}
    for score in found:
        groups.setdefault((score.target, score.horizon_s), []).append(score)
    rows = []
    for target in range(len(TARGETS)):
        for key in sorted(key for key in groups if key[0] == target):
            mine = groups[key]
            names = dict.fromkeys(name for score in mine for name in score.peers)
            rows.append(
                Overall(
                    target=target,
                    horizon_s=key[1],
                    series=len(mine),
                    ratio=geometric(score.ratio for score in mine),
                    peers={name: geometric(_ratios(mine, name)) for name in names},
                    inside80=fmean(score.inside80 for score in mine),
                    inside95=fmean(score.inside95 for score in mine),
                )
            )
    return tuple(rows)


def geometric(values: Iterable[float]) -> float:
    """The geometric mean of those above zero; NaN without any."""
    logs = [math.log(value) for value in values if value > 0]
    return math.exp(fmean(logs)) if logs else math.nan


def _ratios(found: Sequence[Score], peer: str) -> list[float]:
    return [ours / theirs for score in found if peer in score.peers for ours, theirs in [score.peers[peer]]]
