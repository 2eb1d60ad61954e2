"""A small, seeded version of `bench/experiment`: no false alarm beyond its rate, and differences are found."""

import math
from random import Random

import numpy as np
import pytest

from foreroute.experiment.contrast import block_interval, difference, failure_ratio
from foreroute.experiment.effects import UNITS_MIN
from foreroute.experiment.moments import Moments

ALPHA = 0.05
REPEATS, REQUESTS = 200, 3000
MOST = 17
"""Of 200 at a rate of 0.05: more is less likely than one in a hundred, and the seed is fixed."""


def ever_sure(y: np.ndarray, in_arm: np.ndarray, *, as_ratio: bool = False) -> np.ndarray:
    """Looks after every request."""
    arms = []
    for mask in (in_arm, ~in_arm):
        n = np.cumsum(mask.astype(float), axis=1)
        total, squares = np.cumsum(y * mask, axis=1), np.cumsum(y * y * mask, axis=1)
        zero = np.zeros_like(n)
        arms.append(Moments(n, n, total, zero, n, total, zero, squares, zero, zero))
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = difference(*arms, as_ratio=as_ratio).interval(REQUESTS / 4.0, ALPHA)
        sure = ((lower > 0.0) | (upper < 0.0)) & (np.minimum(arms[0].units, arms[1].units) >= UNITS_MIN)
    return np.asarray(sure.any(axis=1))


@pytest.mark.parametrize("as_ratio", [False, True], ids=["log-mean", "mean"])
def test_heavy_tails_that_do_not_differ_raise_no_alarm(as_ratio: bool) -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(0.0, math.log(3.7) / 1.645, (REPEATS, REQUESTS))
    in_arm = rng.random(y.shape) < 0.5
    assert ever_sure(np.exp(y) if as_ratio else y, in_arm, as_ratio=as_ratio).sum() <= MOST


def test_a_difference_is_found() -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(0.0, 0.5, (50, REQUESTS))
    in_arm = rng.random(y.shape) < 0.5
    assert ever_sure(y + 0.15 * in_arm, in_arm).all()


def test_failures_that_do_not_differ_raise_no_alarm() -> None:
    alarms = 0
    for seed in range(100):
        rng, hits = Random(seed), 0
        for total in range(1, 200):
            hits += rng.random() < 0.3
            found = failure_ratio(hits, total - hits, share=0.3, share_control=0.7, alpha=ALPHA)
            assert found.lower is not None
            assert found.upper is not None
            if found.lower > 1.0 or found.upper < 1.0:
                alarms += 1
                break
    assert alarms <= 10


def test_slots_that_do_not_differ_raise_no_alarm() -> None:
    alarms = 0
    for seed in range(100):
        rng = Random(seed)
        differences = [rng.choice((-1.0, 1.0)) * rng.paretovariate(2.5) for _ in range(120)]
        for end in range(5, 121, 5):
            bounds = block_interval(differences[:end], planned_blocks=120, alpha=ALPHA)
            if bounds is not None and (bounds[0] > 0.0 or bounds[1] < 0.0):
                alarms += 1
                break
    assert alarms <= 10


def test_what_is_known_before_takes_variance_away_and_moves_nothing() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(0.0, 1.0, 4000)
    y = 2.0 * x + rng.normal(0.0, 1.0, 4000)
    sums = [Moments(), Moments()]
    plain = [Moments(), Moments()]
    for number, (value, known) in enumerate(zip(y, x, strict=True)):
        arm = number % 2
        sums[arm].add(1.0, float(value) + 0.5 * arm, float(known))
        plain[arm].add(1.0, float(value) + 0.5 * arm, 0.0)
    with_it, without = difference(sums[1], sums[0]), difference(plain[1], plain[0])
    assert with_it.removed == pytest.approx(0.8, abs=0.02)
    assert with_it.variance < 0.25 * without.variance
    assert with_it.value == pytest.approx(0.5, abs=0.1)
    assert without.removed == 0.0
