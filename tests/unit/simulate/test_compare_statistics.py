import math
from random import Random

import pytest

from foreroute.simulate.compare_statistics import Verdict, estimate, paired, student_quantile


@pytest.mark.parametrize(
    ("probability", "freedom", "wanted"),
    [
        (0.975, 1, 12.7062),
        (0.975, 2, 4.30265),
        (0.975, 19, 2.093024),
        (0.95, 4, 2.131847),
        (0.975, 1000, 1.962339),
    ],
)
def test_the_quantile_is_that_of_the_tables(probability: float, freedom: int, wanted: float) -> None:
    assert student_quantile(probability, freedom) == pytest.approx(wanted, rel=1e-4)


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = Random(7)
    held = 0
    for _ in range(2000):
        found = estimate([rng.gauss(3.0, 2.0) for _ in range(20)])
        held += found.lower <= 3.0 <= found.upper
    assert 0.935 <= held / 2000 <= 0.965


def test_pairing_takes_out_what_both_owe_to_the_seed() -> None:
    rng = Random(1)
    luck = [rng.gauss(0.0, 10.0) for _ in range(20)]
    own = [one - 0.5 + rng.gauss(0.0, 0.1) for one in luck]
    assert paired(own, luck).verdict() is Verdict.BETTER
    assert paired(luck, own).verdict() is Verdict.WORSE
    assert paired(luck, luck[::-1]).verdict() is Verdict.NO_DIFFERENCE


def test_one_seed_shows_nothing() -> None:
    found = paired([1.0], [2.0])
    assert (found.mean, found.verdict()) == (-1.0, Verdict.UNKNOWN)
    assert math.isinf(found.upper)


def test_policies_that_did_not_play_the_same_seeds_are_not_compared() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired([1.0, 2.0], [1.0])


def test_identical_values_leave_no_doubt() -> None:
    found = paired([1.0, 2.0], [1.0, 2.0])
    assert (found.lower, found.upper, found.verdict()) == (0.0, 0.0, Verdict.NO_DIFFERENCE)
