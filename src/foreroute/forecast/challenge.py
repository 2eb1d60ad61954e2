"""A new model against the one that serves: fitted on the older part of the history, both scored on the newest.

Rolling origins; no model sees anything at or after an origin, and the one that serves was fitted on what is older
still. What is promoted is the very model that was scored, not one fitted again on more.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from foreroute.core.errors import ModelFileError, TooLittleHistory
from foreroute.core.ports import FittedPool, PooledForecaster
from foreroute.core.series import Series
from foreroute.forecast.answers import answer_of, last_measured, outcome_of
from foreroute.forecast.model_manifest import HeldOut
from foreroute.forecast.rows import grid_of
from foreroute.forecast.values import Floats

_OUTCOMES_MIN: Final = 20
"""Per series, target and horizon; with fewer, it does not count."""
_BATCH: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeSettings:
    horizons_s: tuple[float, ...] = (900.0, 3600.0)
    held_out_s: float = 86_400.0
    origins_max: int = 6000
    """Over all series: what scoring may cost."""
    margin: float = 0.002
    """How much better a challenger must be, as a part of the champion's error: a tie keeps the champion."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One retraining, to be run in a worker process. `series` are of one metric; `champion`: its stored files."""

    forecaster: PooledForecaster
    series: tuple[Series, ...]
    champion: Mapping[str, bytes] | None = None
    settings: ChallengeSettings = field(default_factory=ChallengeSettings)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`challenger` serves from now on if `is_promoted`; `why` is a sentence for a person."""

    kind: str
    metric: str
    challenger: FittedPool
    is_promoted: bool
    why: str
    held_out: HeldOut
    trained_from_at: float
    trained_to_at: float
    series: tuple[str, ...]


def run_challenge(job: Challenge) -> Verdict:
    """Raises what `fit` raises, and TooLittleHistory when there is nothing to score on."""
    series, settings = job.series, job.settings
    if not series:
        raise TooLittleHistory("there is no series to learn from")
    end_at = max(one.end_at for one in series)
    cut_at = end_at - settings.held_out_s
    older = [one for one in (_until(one, cut_at) for one in series) if len(one.values)]
    challenger = job.forecaster.fit(older)
    champion = _champion(job)
    found = score(
        series, {"challenger": challenger} | ({"champion": champion} if champion else {}), cut_at, settings
    )
    held_out = HeldOut(
        start_at=cut_at,
        end_at=end_at,
        outcomes=found.outcomes,
        challenger=found.ratios["challenger"],
        champion=found.ratios.get("champion"),
    )
    is_promoted, why = _judge(held_out, settings)
    return Verdict(
        kind=job.forecaster.name,
        metric=series[0].metric.value,
        challenger=challenger,
        is_promoted=is_promoted,
        why=why,
        held_out=held_out,
        trained_from_at=min(one.start_at for one in older),
        trained_to_at=cut_at,
        series=tuple(str(one.channel) for one in older),
    )


@dataclass(frozen=True, slots=True)
class Scores:
    """Model → mean absolute error over the last value's, the geometric mean over series, targets and horizons."""

    ratios: Mapping[str, float]
    outcomes: int


def score(
    series: Sequence[Series], models: Mapping[str, FittedPool], cut_at: float, settings: ChallengeSettings
) -> Scores:
    """Rolling origins from `cut_at` on, the same for all. Raises TooLittleHistory when nothing can be graded."""
    logs: dict[str, list[float]] = {name: [] for name in models}
    outcomes = 0
    for one in series:
        graded = _grade(one, models, cut_at, settings, share=len(series))
        for name, (found, count) in graded.items():
            logs[name] += found
            outcomes += count
    if not all(logs.values()):
        raise TooLittleHistory(
            "the newest part of the history holds too few measured windows to score a model"
        )
    ratios = {name: math.exp(sum(each) / len(each)) for name, each in logs.items()}
    return Scores(ratios, outcomes // max(1, len(models)))


def _grade(
    one: Series, models: Mapping[str, FittedPool], cut_at: float, settings: ChallengeSettings, *, share: int
) -> dict[str, tuple[list[float], int]]:
    """Model → (logarithms of error ratios, one for each target and horizon; graded outcomes)."""
    grid = grid_of(one, settings.horizons_s)
    values = np.asarray(one.values, dtype=np.float64)
    first = max(1, round((cut_at - one.start_at) / one.step_s))
    last = len(values) - grid.horizons[0]
    if last < first:
        return {}
    stride = max(1, math.ceil((last - first + 1) / max(1, settings.origins_max // share)))
    ends = list(range(first, last + 1, stride))
    outcomes = np.array([outcome_of(values, end, grid.horizons) for end in ends])
    naive = np.array([last_measured(values[max(0, end - grid.reach) : end]) for end in ends])
    naive_errors = np.abs(outcomes - naive[:, None, None])
    found = {}
    for name, model in models.items():
        said: list[Floats] = []
        for start in range(0, len(ends), _BATCH):
            seen = [_seen(one, end, grid.reach) for end in ends[start : start + _BATCH]]
            forecasts = model.forecast(seen, steps=max(grid.horizons))
            said += [answer_of(forecast, grid.horizons) for forecast in forecasts]
        found[name] = _ratios(np.abs(outcomes - np.array(said)), naive_errors)
    return found


def _ratios(errors: Floats, naive_errors: Floats) -> tuple[list[float], int]:
    both = np.isfinite(errors) & np.isfinite(naive_errors)
    counts = both.sum(axis=0)
    mine = np.where(both, errors, 0.0).sum(axis=0)
    naive = np.where(both, naive_errors, 0.0).sum(axis=0)
    usable = (counts >= _OUTCOMES_MIN) & (naive > 0)
    logs = np.log(np.maximum(mine[usable], 1e-12 * naive[usable]) / naive[usable])
    return logs.tolist(), int(counts[usable].sum())


def _judge(held_out: HeldOut, settings: ChallengeSettings) -> tuple[bool, str]:
    ours, theirs = held_out.challenger, held_out.champion
    if not held_out.beats_last_value:
        return False, f"its error is {ours:.3f} of the last value's: no better than that"
    if theirs is None:
        return True, f"the first of its kind; its error is {ours:.3f} of the last value's"
    if ours < theirs * (1.0 - settings.margin):
        return True, f"its error is {ours:.3f} of the last value's, the champion's {theirs:.3f}"
    return False, f"its error is {ours:.3f} of the last value's, no better than the champion's {theirs:.3f}"


def _champion(job: Challenge) -> FittedPool | None:
    """The one that serves; None when its files are of no use any more (they were fine when they were read)."""
    if job.champion is None:
        return None
    try:
        return job.forecaster.load(job.champion)
    except ModelFileError:
        return None


def _until(series: Series, end_at: float) -> Series:
    count = max(0, min(len(series.values), round((end_at - series.start_at) / series.step_s)))
    return replace(series, values=series.values[:count])


def _seen(series: Series, end: int, reach: int) -> Series:
    start = max(0, end - reach)
    return replace(series, start_at=series.start_at + start * series.step_s, values=series.values[start:end])
