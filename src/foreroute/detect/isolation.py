"""An isolation forest over what recent windows look like (Liu, Ting & Zhou 2008). Needs `foreroute[ml]` to grow.

Trees are grown by scikit-learn one at a time, from windows of all series at once (their features have no unit), and
kept as arrays: scoring needs numpy alone. A forest is immutable; `grown` gives the next one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foreroute.core.errors import MissingExtra
from foreroute.core.ports import Score
from foreroute.core.series import Series
from foreroute.detect.columns import Floats
from foreroute.detect.recent import Recent, recent, scale_floor

_TREES: Final = 64
_TREES_MIN: Final = 16
_SAMPLE: Final = 256
_DEPTH: Final = 8
_EULER: Final = 0.5772156649
_WHOLE: Final = 20.0
_LEAF: Final = -1


@dataclass(frozen=True, slots=True)
class Tree:
    """Arrays over nodes, the root first. `feature` is −1 at a leaf, where `length` is the path to it."""

    feature: NDArray[np.int64]
    threshold: Floats
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    length: Floats

    def path(self, row: Floats) -> float:
        node = 0
        while self.feature[node] != _LEAF:
            below = row[self.feature[node]] <= self.threshold[node]
            node = int(self.left[node] if below else self.right[node])
        return float(self.length[node])


@dataclass(frozen=True, slots=True)
class IsolationForest:
    name: str = "isolation_forest"
    trees: tuple[Tree, ...] = ()
    grown_trees: int = 0
    """How many trees there have ever been: the seed of the next."""

    def score(self, series: Series) -> Score | None:
        """0 for what takes as long to isolate as usual, up to 10 for what the first cut isolates."""
        data = recent(series)
        if data is None or len(self.trees) < _TREES_MIN:
            return None
        row = _features(data)
        mean = sum(tree.path(row) for tree in self.trees) / len(self.trees)
        share = 2.0 ** (-mean / _usual_path(_SAMPLE))
        return Score(_WHOLE * max(0.0, share - 0.5), float(np.median(data.past)))

    def grown(self, series: Sequence[Series]) -> "IsolationForest":
        """One tree more, of windows drawn from the series, and the oldest let go. Raises MissingExtra."""
        rng = np.random.default_rng(self.grown_trees)
        rows = _drawn(series, rng)
        if len(rows) < _SAMPLE // 4:
            return self
        tree = _grow(np.stack(rows), seed=self.grown_trees)
        return replace(self, trees=(*self.trees, tree)[-_TREES:], grown_trees=self.grown_trees + 1)


def _drawn(series: Sequence[Series], rng: np.random.Generator) -> list[Floats]:
    """Features of windows drawn at random, of random series."""
    long_enough = [one for one in series if len(one.values) > 1]
    rows: list[Floats] = []
    for _ in range(_SAMPLE if long_enough else 0):
        one = long_enough[int(rng.integers(len(long_enough)))]
        end = int(rng.integers(1, len(one.values) + 1))
        data = recent(replace(one, values=one.values[max(0, end - 91) : end]))
        if data is not None:
            rows.append(_features(data))
    return rows


def _features(data: Recent) -> Floats:
    """Of the newest value and those before it, in robust spreads: distance, step, and means of the last 3 and 10."""
    median = float(np.median(data.past))
    spread = max(1.4826 * float(np.median(np.abs(data.past - median))), scale_floor(data.past))
    scaled = (np.append(data.past[-9:], data.value) - median) / spread
    return np.array([scaled[-1], scaled[-1] - scaled[-2], scaled[-3:].mean(), scaled.mean(), scaled.std()])


def _grow(rows: Floats, *, seed: int) -> Tree:
    try:
        from sklearn.tree import ExtraTreeRegressor  # noqa: PLC0415 - heavy, and only this detector needs it
    except ImportError:
        raise MissingExtra("scikit-learn", "ml", "the detector isolation_forest") from None
    grower: Any = ExtraTreeRegressor(
        max_features=1, splitter="random", max_depth=_DEPTH, random_state=seed, min_samples_leaf=1
    )
    # An isolation tree splits at random; the target only has to differ everywhere, so that no node is pure.
    grown = grower.fit(rows, np.random.default_rng(seed).random(len(rows))).tree_
    is_leaf = grown.children_left == _LEAF
    return Tree(
        feature=np.where(is_leaf, _LEAF, grown.feature).astype(np.int64),
        threshold=np.asarray(grown.threshold, dtype=np.float64),
        left=grown.children_left.astype(np.int64),
        right=grown.children_right.astype(np.int64),
        length=_depths(grown) + np.array([_usual_path(int(count)) for count in grown.n_node_samples]),
    )


def _depths(grown: Any) -> Floats:
    depths = np.zeros(grown.node_count)
    for node in range(grown.node_count):
        for child in (grown.children_left[node], grown.children_right[node]):
            if child != _LEAF:
                depths[child] = depths[node] + 1.0
    return depths


def _usual_path(count: int) -> float:
    """Mean length of an unsuccessful search among `count` (equation 1 of the paper)."""
    if count <= 1:
        return 0.0
    return 2.0 * (math.log(count - 1) + _EULER) - 2.0 * (count - 1) / count
