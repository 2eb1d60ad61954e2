import math

import numpy as np
import pytest

from foreroute.detect.rates import FailureRate, binomial_score, poisson_score


def exact(failures: int, attempts: int, ratio: float) -> float:
    """Chance of at least so many."""
    return sum(
        math.comb(attempts, k) * ratio**k * (1.0 - ratio) ** (attempts - k)
        for k in range(failures, attempts + 1)
    )


def normal_tail(score: float) -> float:
    return 0.5 * math.erfc(score / math.sqrt(2.0))


@pytest.mark.parametrize("attempts", [1, 2, 5, 20, 100])
@pytest.mark.parametrize("ratio", [0.001, 0.01, 0.1, 0.5])
def test_the_normal_tail_of_the_score_is_never_below_the_exact_chance(attempts: int, ratio: float) -> None:
    for failures in range(attempts + 1):
        (score,) = binomial_score(np.array([float(failures)]), np.array([float(attempts)]), np.array([ratio]))
        if score > 0:
            assert normal_tail(float(score)) >= exact(failures, attempts, ratio) * (1.0 - 1e-9)


def test_many_failures_are_surprising_and_few_are_not() -> None:
    scores = binomial_score(np.array([1.0, 30.0, 0.0]), np.array([2.0, 200.0, 200.0]), np.full(3, 0.01))
    assert scores[0] < 3.5
    assert scores[1] > 8.0
    assert scores[2] == 0.0


def test_nothing_asked_is_not_judged_and_teaches_nothing() -> None:
    rate = FailureRate.empty(1)
    before = rate.usual()
    nothing = np.array([math.nan])
    assert np.isnan(rate.score(nothing, np.array([0.0]))).all()
    rate.learn(nothing, np.array([0.0]), np.array([False]))
    assert (rate.usual() == before).all()


def test_an_incident_teaches_a_twentieth() -> None:
    calm, taught = FailureRate.empty(1), FailureRate.empty(1)
    for _ in range(50):
        calm.learn(np.array([50.0]), np.array([100.0]), np.array([True]))
        taught.learn(np.array([50.0]), np.array([100.0]), np.array([False]))
    assert calm.usual() < 0.5 * taught.usual() + 0.25
    assert calm.attempts < 0.06 * taught.attempts


def test_poisson_knows_that_rare_events_come_in_twos() -> None:
    one, many, none = poisson_score(np.array([2.0, 140.0, 0.0]), np.array([0.5, 100.0, 30.0]))
    assert one < 2.0
    assert 3.0 < many < 5.0
    assert none == pytest.approx(math.sqrt(60.0))
