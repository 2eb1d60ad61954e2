import numpy as np
import pytest

from foreroute.detect.tail import HIGHEST, LOWEST, Tail

RATE = 1.0 / 5000.0


def taught(scores: np.ndarray) -> Tail:
    tail = Tail.empty(1)
    for score in scores:
        tail.learn(np.array([score]))
    return tail


def usual(count: int, *, scale: float = 1.0, seed: int = 1) -> np.ndarray:
    return np.abs(np.random.default_rng(seed).standard_normal(count)) * scale


def test_hardly_a_usual_score_is_beyond_the_threshold() -> None:
    limit = float(taught(usual(6000)).threshold(RATE)[0])
    assert (usual(200_000, seed=2) > limit).mean() <= RATE
    assert limit < 7.0


def test_a_wilder_series_gets_a_higher_threshold_within_bounds() -> None:
    calm, wild = (float(taught(usual(5000, scale=scale)).threshold(RATE)[0]) for scale in (0.5, 1.8))
    assert LOWEST <= calm < wild <= HIGHEST


def test_incidents_teach_little() -> None:
    scores = usual(5000)
    tail = taught(scores)
    before = float(tail.threshold(RATE)[0])
    for _ in range(60):
        tail.learn(np.array([30.0]))
    assert float(tail.threshold(RATE)[0]) < 1.1 * before


def test_what_stays_is_learnt_in_the_end() -> None:
    tail = taught(usual(3000))
    before = float(tail.threshold(RATE)[0])
    for score in usual(20_000, scale=2.5, seed=3):
        tail.learn(np.array([score]))
    assert float(tail.threshold(RATE)[0]) > before + 2.0


def test_p_values_fall_with_the_score_and_meet_the_threshold() -> None:
    tail = taught(usual(5000))
    scores = np.linspace(0.0, 20.0, 200)
    values = np.array([float(tail.p_values(np.array([score]))[0]) for score in scores])
    assert values[0] == 1.0
    assert (np.diff(values) <= 1e-12).all()
    limit = tail.threshold(RATE)
    assert float(tail.p_values(limit)[0]) == pytest.approx(RATE, rel=0.2)


def test_a_normal_deviation_keeps_the_laws_threshold_until_the_series_is_wider() -> None:
    narrow, wide = (float(taught(usual(6000, scale=scale)).normal_threshold(RATE)[0]) for scale in (0.3, 1.6))
    assert narrow == pytest.approx(3.54, abs=0.3)
    assert wide > 1.3 * narrow


def test_missing_scores_teach_nothing() -> None:
    tail = taught(usual(100))
    before = tail.quantiles.copy()
    tail.learn(np.array([np.nan]))
    assert (tail.quantiles == before).all()
