"""Weights from relative errors."""

import numpy as np
import pytest

from foreroute.forecast.bank import standing
from foreroute.forecast.bank.columns import Array, Columns


def ratios(*by_expert: float) -> Array:
    """(targets, experts, one series)."""
    return np.broadcast_to(np.array(by_expert, dtype=np.float32)[:, None], (2, len(by_expert), 1)).copy()


def test_whoever_errs_least_counts_most_and_all_add_up() -> None:
    found = standing.weights(ratios(1.0, 0.8, 0.7), np.ones((2, 3, 1), dtype=np.float32), 2)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert (found[:, 0] < found[:, 1]).all()
    assert (found[:, 1] < found[:, 2]).all()


def test_errors_of_a_hundredth_are_no_overflow() -> None:
    found = standing.weights(ratios(1.0, 0.01, 100.0), np.ones((2, 3, 1), dtype=np.float32), 2)
    assert found[:, 1] == pytest.approx(1.0)


def test_where_nobody_is_usable_nobody_counts() -> None:
    usable = np.zeros((2, 3, 1), dtype=np.float32)
    assert not standing.weights(ratios(1.0, 0.5, 0.7), usable, 2).any()
    usable[:, 0] = 1e-8
    assert standing.weights(ratios(1.0, 0.01, 0.7), usable, 2)[:, 0] == pytest.approx(1.0)


def test_the_longer_the_horizon_the_more_the_whole_record_counts() -> None:

    state = Columns(standing.columns(2, 1))
    state.add(1)
    outcome = np.ones((2, 1), dtype=np.float32)
    for step in range(3000):
        good = 0.5 if step < 2500 else 2.0
        said = np.array([2.0, 1.0 + good], dtype=np.float32)
        standing.grade(state, 0, np.broadcast_to(said[:, None], (2, 2, 1)), outcome)
    soon, late = (float(standing.ratios(state, 0, steps)[0, 1, 0]) for steps in (1, 60))
    assert late < soon
    assert late < 1.0
