import pickle
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from foreroute.core.errors import MissingExtra
from foreroute.core.series import Series
from foreroute.detect.engine import DetectEngine, DetectSettings
from foreroute.detect.isolation import IsolationForest
from foreroute.testing import samples

Make = Callable[..., Series]


def grown(trees: int) -> IsolationForest:
    forest = IsolationForest()
    series = [samples.noisy(100, seed=seed) for seed in range(2)]
    for _ in range(trees):
        forest = forest.grown(series)
    return forest


def test_it_says_nothing_until_some_trees_have_grown() -> None:
    pytest.importorskip("sklearn")
    assert IsolationForest().score(samples.noisy()) is None
    young = grown(15)
    assert young.score(samples.noisy()) is None
    assert young.grown([samples.noisy()]).score(samples.noisy()) is not None


def test_the_oldest_trees_are_let_go_and_the_same_series_grow_the_same_forest() -> None:
    pytest.importorskip("sklearn")
    full = replace(IsolationForest(), trees=grown(1).trees * 64, grown_trees=64)
    series = [samples.noisy(100)]
    one, other = full.grown(series), full.grown(series)
    assert (len(one.trees), one.grown_trees) == (64, 65)
    assert pickle.dumps(one) == pickle.dumps(other)


def test_too_little_history_grows_nothing() -> None:
    assert IsolationForest().grown([samples.a_series(0.3)]).trees == ()
    assert IsolationForest().grown([]).trees == ()


def test_in_the_engine_it_grows_a_tree_a_tick_and_finds_the_blatant(noisy: Make) -> None:
    pytest.importorskip("sklearn")
    engine = DetectEngine(DetectSettings(), [IsolationForest()])
    whole = noisy(240, lambda t: 0.35 * (8.0 if t == 230 else 1.0), noise=0.05)
    alarms = [
        end - 1 for end in range(180, 241) for _ in engine.update([replace(whole, values=whole.values[:end])])
    ]
    assert 230 in alarms


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.tree", None)
    with pytest.raises(MissingExtra, match=r"pip install 'foreroute\[ml\]'"):
        grown(1)
