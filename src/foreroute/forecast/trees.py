"""LightGBM's text models, evaluated in numpy: the process that serves never imports the library.

A node asks whether a feature is at most a threshold and goes left if so; a negative child −1 − k is leaf k
(LightGBM 4, `GBDT::SaveModelToString`). All trees of a model are walked at once, one level at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreroute.core.errors import ModelFileError
from foreroute.forecast.values import Floats

Indices = NDArray[np.int64]
_DEPTH_MAX: Final = 64
_MISSING_BITS: Final = 0b1100
_CATEGORY_BIT: Final = 0b1


@dataclass(frozen=True, slots=True)
class Trees:
    """All nodes of all trees behind each other; a leaf is a node whose children are itself."""

    roots: Indices
    features: Indices
    thresholds: Floats
    left: Indices
    right: Indices
    leaf_values: Floats
    """0 for inner nodes."""
    depth: int

    def predict(self, rows: Floats) -> Floats:
        """The sum of the leaves that each of `rows` (rows, features, without NaN) falls into."""
        at = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        lines = np.arange(len(rows))[:, None]
        for _ in range(self.depth):
            goes_left = rows[lines, self.features[at]] <= self.thresholds[at]
            at = np.where(goes_left, self.left[at], self.right[at])
        return np.asarray(self.leaf_values[at].sum(axis=1), dtype=np.float64)


def read_trees(text: str, *, features: int) -> Trees:
    """Raises ModelFileError when the text is no such model, uses what is not understood here, or wants other features."""
    try:
        blocks = list(_blocks(text))
        if not blocks or "end of trees" not in text:
            raise ModelFileError("the tree model is cut off or no LightGBM text model")
        trees = _joined(blocks)
    except (KeyError, ValueError, IndexError) as error:
        raise ModelFileError(f"the tree model cannot be read: {error!r}") from None
    if trees.features.size and not 0 <= int(trees.features.min()) <= int(trees.features.max()) < features:
        raise ModelFileError(f"the tree model wants other features than the {features} that there are")
    return trees


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """The `key=value` lines of each tree."""
    for block in text.split("\nTree=")[1:]:
        lines = block.split("\nend of trees")[0].splitlines()[1:]
        yield dict(line.split("=", 1) for line in lines if "=" in line)


def _joined(blocks: list[dict[str, str]]) -> Trees:
    roots, features, thresholds, left, right, values = [], [], [], [], [], []
    depth, base = 0, 0
    for block in blocks:
        leaves = _numbers(block["leaf_value"])
        inner = len(leaves) - 1
        if int(block["num_leaves"]) != len(leaves):
            raise ValueError("num_leaves")
        children = [_children(block, side, inner) for side in ("left_child", "right_child")]
        if inner:
            _check_kind(_numbers(block["decision_type"]).astype(np.int64))
        own = base + inner + np.arange(len(leaves))
        roots.append(base)
        features.append(np.concatenate([_numbers(block.get("split_feature", "")), np.zeros(len(leaves))]))
        thresholds.append(np.concatenate([_numbers(block.get("threshold", "")), np.zeros(len(leaves))]))
        left.append(np.concatenate([base + children[0], own]))
        right.append(np.concatenate([base + children[1], own]))
        values.append(np.concatenate([np.zeros(inner), leaves]))
        depth = max(depth, _depth(children[0], children[1], inner))
        base += inner + len(leaves)
    joined = Trees(
        np.array(roots, dtype=np.int64),
        np.concatenate(features).astype(np.int64),
        np.concatenate(thresholds),
        np.concatenate(left).astype(np.int64),
        np.concatenate(right).astype(np.int64),
        np.concatenate(values),
        depth,
    )
    if len({len(joined.features), len(joined.thresholds), len(joined.left), len(joined.leaf_values)}) != 1:
        raise ValueError("the lengths differ")
    return joined


def _children(block: dict[str, str], side: str, inner: int) -> Indices:
    """Places within the tree: inner nodes first, then leaves."""
    given = _numbers(block.get(side, "")).astype(np.int64)
    found = np.where(given < 0, inner - 1 - given, given)
    if len(found) != inner or (inner and not 0 < int(found.min()) <= int(found.max()) <= 2 * inner):
        raise ValueError(side)
    return found


def _depth(left: Indices, right: Indices, inner: int) -> int:
    """Levels from the root to the deepest leaf. Raises ValueError for a tree that never ends."""
    reached, depth = {0} if inner else set(), 0
    while reached:
        children = {int(side[node]) for node in reached for side in (left, right)}
        reached = {child for child in children if child < inner}
        depth += 1
        if depth > _DEPTH_MAX:
            raise ValueError("deeper than any tree of ours")
    return depth


def _check_kind(kinds: Indices) -> None:
    if (kinds & (_CATEGORY_BIT | _MISSING_BITS)).any():
        raise ValueError("categories and missing values are not understood")


def _numbers(text: str) -> Floats:
    return np.array(text.split(), dtype=np.float64)
