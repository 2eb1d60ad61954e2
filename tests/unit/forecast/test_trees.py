"""LightGBM's models, read and walked without LightGBM."""

import numpy as np
import pytest

from foreroute.core.errors import ModelFileError
from foreroute.forecast.trees import read_trees

ONE = """tree
version=v4

Tree=0
num_leaves=3
num_cat=0
split_feature=1 0
threshold=0.5 -1
decision_type=2 2
left_child=1 -2
right_child=-1 -3
leaf_value=10 20 30

Tree=1
num_leaves=1
num_cat=0
leaf_value=0.25

end of trees
"""


def test_a_tree_by_hand() -> None:
    trees = read_trees(ONE, features=2)
    rows = np.array([[0.0, 1.0], [-2.0, 0.5], [0.0, 0.0]])
    np.testing.assert_array_equal(trees.predict(rows), [10.25, 20.25, 30.25])


def test_the_library_says_the_same() -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="the extra `ml` is not installed")
    rng = np.random.default_rng(1)
    rows = np.round(rng.normal(size=(2000, 6)), 2)  # rounded, so that values lie on thresholds
    wanted = rows[:, 0] * rows[:, 1] + np.sin(rows[:, 2]) + rng.normal(0.0, 0.1, 2000)
    params = {"objective": "quantile", "alpha": 0.9, "num_leaves": 31, "use_missing": False, "num_threads": 1, "verbosity": -1}  # fmt: skip
    booster = lightgbm.train(params, lightgbm.Dataset(rows, wanted), 40)
    trees = read_trees(booster.model_to_string(), features=6)
    asked = np.round(rng.normal(size=(500, 6)), 2)
    np.testing.assert_allclose(trees.predict(asked), booster.predict(asked), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("end of trees", "", "cut off"),
        ("Tree=", "Shrub=", "cut off"),
        ("leaf_value=10 20 30", "leaf_value=10 20", "num_leaves"),
        ("leaf_value=10 20 30\n", "", "leaf_value"),
        ("left_child=1 -2", "left_child=1 7", "left_child"),
        ("left_child=1 -2", "left_child=1 0", "left_child"),
        ("left_child=1 -2", "left_child=1 1", "deeper"),
        ("right_child=-1 -3", "right_child=-1", "right_child"),
        ("threshold=0.5 -1", "threshold=0.5", "lengths"),
        ("threshold=0.5 -1", "threshold=0.5 x", "threshold|could not convert"),
        ("decision_type=2 2", "decision_type=2 1", "categories"),
        ("decision_type=2 2", "decision_type=2 10", "missing values"),
        ("split_feature=1 0", "split_feature=2 0", "other features"),
        ("split_feature=1 0", "split_feature=-1 0", "other features"),
    ],
)
def test_a_model_that_is_damaged_or_not_understood_is_refused(old: str, new: str, said: str) -> None:
    assert old in ONE
    with pytest.raises(ModelFileError, match=said):
        read_trees(ONE.replace(old, new, 1 if old != "Tree=" else -1), features=2)
