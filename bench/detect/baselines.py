"""What the detector is compared with, over the same series: plain z-score, quartile fences, Isolation Forest, half-space
trees, and Netdata's rule. Each gives a score for every window from earlier windows only; the level at which it raises
an alarm is chosen on the series that ours was tuned on, to the best F1 by event.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bench.detect.series import Bools, Floats, Judgeable
from foreroute.detect.evaluate import evaluate, total

_PAST: Final = 90
_DAY_S: Final = 86_400.0
Scorer = Callable[[Judgeable], Floats]


def zscore(one: Judgeable) -> Floats:
    """Distance from the mean of the last 90 windows, in their standard deviations."""

    def distance(past: Floats, now: Floats) -> Floats:
        found: Floats = np.abs(now - past.mean(axis=1)) / _no_zero(past.std(axis=1))
        return found

    return _rolling(one.values, distance)


def iqr(one: Judgeable) -> Floats:
    """Distance beyond the quartiles of the last 90 windows, in interquartile ranges (Tukey 1977)."""

    def outside(past: Floats, now: Floats) -> Floats:
        low, high = np.quantile(past, [0.25, 0.75], axis=1)
        found: Floats = np.maximum(np.maximum(low - now, now - high), 0.0) / _no_zero(high - low)
        return found

    return _rolling(one.values, outside)


def isolation_forest(one: Judgeable) -> Floats:
    """scikit-learn's, on the last five values scaled by the past, fitted every day on the week before (50 trees)."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - heavy, and only wanted here

    features, scores = _features(one.values), np.zeros(len(one.values))
    for start, end, past in _days(one, days=7):
        model = IsolationForest(n_estimators=50, random_state=0, n_jobs=1).fit(features[past])
        scores[start:end] = -model.score_samples(features[start:end])
    return scores


def half_space_trees(one: Judgeable) -> Floats:
    """River's, as its documentation uses them: values scaled to 0…1 by the range so far, 25 trees of height 8."""
    from river.anomaly import HalfSpaceTrees  # noqa: PLC0415
    from river.preprocessing import MinMaxScaler  # noqa: PLC0415

    model: Any = MinMaxScaler() | HalfSpaceTrees(n_trees=25, height=8, window_size=250, seed=0)
    filled, scores = _filled(one.values), np.zeros(len(one.values))
    for number, value in enumerate(filled.tolist()):
        window = {"value": value}
        scores[number] = model.score_one(window)
        model.learn_one(window)
    return scores


def netdata(one: Judgeable) -> Floats:
    """Netdata's rule as its documentation states it, a window for its second: features are the last six smoothed
    differences; 18 models of two means, one more every three hours from the six hours before (by the clock, not by the
    number of samples); a window is odd when
    every model puts it beyond the 99th percentile of its distances. The score is the share of odd windows of the
    last five, its anomaly rate.
    """
    smooth = np.convolve(_filled(one.values), np.ones(3) / 3.0, mode="full")[: len(one.values)]
    steps = np.diff(smooth, prepend=smooth[0])
    rows = np.lib.stride_tricks.sliding_window_view(np.pad(steps, (5, 0)), 6)
    odd = np.zeros(len(one.values))
    models: list[tuple[Floats, float]] = []
    every, learns = int(3 * 3600 / one.step_s), int(6 * 3600 / one.step_s)
    for start in range(learns, len(rows), every):
        models = [*models, _two_means(rows[start - learns : start])][-18:]
        now = rows[start : start + every]
        odd[start : start + every] = np.all([_distance(now, c) > limit for c, limit in models], axis=0)
    return np.convolve(odd, np.ones(5) / 5.0, mode="full")[: len(odd)]


SCORERS: Final[dict[str, Scorer]] = {
    "zscore": zscore,
    "iqr": iqr,
    "isolation_forest": isolation_forest,
    "half_space_trees": half_space_trees,
    "netdata": netdata,
}


@dataclass(frozen=True, slots=True)
class Chosen:
    level: float
    f1: float


def choose(series: Sequence[Judgeable], scores: Sequence[Floats]) -> Chosen:
    """The level with the best F1 by event over all the series."""
    everything = np.concatenate([score[one.counted] for one, score in zip(series, scores, strict=True)])
    ranks = 1.0 - np.geomspace(2e-5, 0.05, 16)
    levels = np.unique(np.quantile(everything, ranks))
    levels = levels[levels > everything.min()]  # or every window would be an alarm
    tried = [Chosen(float(level), total(judged(series, scores, float(level))).f1) for level in levels]
    return max(tried, key=lambda one: one.f1)


def judged(series: Sequence[Judgeable], scores: Sequence[Floats], level: float) -> Iterator[Any]:
    """The outcome of every series when a window at or beyond the level is an alarm."""
    for one, score in zip(series, scores, strict=True):
        alarms: Bools = (score >= level) & np.isfinite(one.values)
        yield evaluate(one.labels, alarms, step_s=one.step_s, counted=one.counted)


def _rolling(values: Floats, score: Callable[[Floats, Floats], Floats]) -> Floats:
    """A score of every value against the 90 before it."""
    filled, found = _filled(values), np.zeros(len(values))
    past = np.lib.stride_tricks.sliding_window_view(filled, _PAST)[:-1]
    for start in range(0, len(past), 20_000):
        piece = past[start : start + 20_000]
        found[_PAST + start : _PAST + start + len(piece)] = score(
            piece, filled[_PAST + start :][: len(piece)]
        )
    return found


def _features(values: Floats) -> Floats:
    filled = _filled(values)
    scale = _no_zero(np.full(1, float(np.median(np.abs(filled[:1440])))))
    return np.lib.stride_tricks.sliding_window_view(np.pad(filled / scale, (4, 0), mode="edge"), 5).copy()


def _days(one: Judgeable, *, days: int) -> Iterator[tuple[int, int, slice]]:
    """(start, end) of each day after the first, and the windows of the days before it."""
    day = int(_DAY_S / one.step_s)
    for start in range(day, len(one.values), day):
        yield start, min(start + day, len(one.values)), slice(max(0, start - days * day), start)


def _two_means(rows: Floats) -> tuple[Floats, float]:
    """Two centres by Lloyd's algorithm from the extremes, and the 99th percentile of the distances."""
    centres = np.stack([rows[np.argmin(rows.sum(axis=1))], rows[np.argmax(rows.sum(axis=1))]])
    for _ in range(10):
        nearest = np.argmin(((rows[:, None] - centres[None]) ** 2).sum(axis=2), axis=1)
        centres = np.stack(
            [rows[nearest == n].mean(axis=0) if (nearest == n).any() else centres[n] for n in (0, 1)]
        )
    return centres, float(np.quantile(_distance(rows, centres), 0.99))


def _distance(rows: Floats, centres: Floats) -> Floats:
    """To the mean of the distances to both centres, as Netdata does."""
    distances: Floats = np.sqrt(((rows[:, None] - centres[None]) ** 2).sum(axis=2)).mean(axis=1)
    return distances


def _no_zero(values: Floats) -> Floats:
    return np.where(values > 0.0, values, 1e-9)


def _filled(values: Floats) -> Floats:
    """Gaps closed with the value before them."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.zeros_like(values)
    place = np.searchsorted(known, np.arange(len(values)), side="right") - 1
    return values[known[np.maximum(place, 0)]]
