"""Confidence sequences against their closed forms, and against chance."""

import math
from random import Random

import numpy as np
import pytest

from foreroute.experiment import sequence


def test_the_half_width_is_that_of_the_normal_mixture() -> None:
    """Waudby-Smith et al.: σ √(2 (t ρ² + 1) / (t² ρ²) · log(√(t ρ² + 1) / α))."""
    alpha, planned, t, deviation = 0.05, 500.0, 200.0, 1.7
    rho = math.sqrt(sequence.tightest_ratio(alpha) / planned)
    spread = t * rho**2
    expected = deviation * math.sqrt(
        2 * (spread + 1) / (t**2 * rho**2) * math.log(math.sqrt(spread + 1) / alpha)
    )
    assert sequence.half_width(deviation**2 / t, t, planned, alpha) == pytest.approx(expected)


def test_it_is_tightest_where_it_is_planned() -> None:
    def relative(planned: float) -> float:
        return float(sequence.half_width(1.0 / 1000.0, 1000.0, planned, 0.05))

    assert relative(1000.0) < min(relative(500.0), relative(2000.0), relative(900.0), relative(1100.0))


def test_the_p_value_crosses_alpha_where_the_interval_meets_zero() -> None:
    half = float(sequence.half_width(0.01, 300.0, 400.0, 0.05))
    below, above = (sequence.p_value(half * factor, 0.01, 300.0, 400.0, 0.05) for factor in (0.999, 1.001))
    assert above < 0.05 < below
    assert sequence.p_value(0.0, 0.01, 300.0, 400.0, 0.05) == 1.0


@pytest.mark.parametrize(("hits", "trials"), [(0, 0), (0, 40), (40, 40), (3, 40), (500, 1000)])
def test_a_ratio_interval_holds_what_was_seen(hits: int, trials: int) -> None:
    lower, upper = sequence.ratio_interval(hits, trials, 0.05, centre=0.5, strength=20.0)
    seen = hits / trials if trials else 0.5
    assert 0.0 <= lower <= seen <= upper <= 1.0
    for ratio in (lower, upper):
        if 0.0 < ratio < 1.0:
            evidence = sequence.log_evidence(hits, trials, ratio, 10.0, 10.0)
            assert evidence == pytest.approx(math.log(20.0), abs=1e-6)


def test_evidence_against_the_truth_has_mean_one() -> None:
    """Exactly, at any number of trials: summed over all outcomes."""
    ratio, trials = 0.03, 60
    total = sum(
        math.comb(trials, hits)
        * ratio**hits
        * (1 - ratio) ** (trials - hits)
        * math.exp(sequence.log_evidence(hits, trials, ratio, 2.0, 18.0))
        for hits in range(trials + 1)
    )
    assert total == pytest.approx(1.0)


def test_quantile_ranks_are_around_the_quantile_and_close_in() -> None:
    wide, narrow = (sequence.quantile_ranks(n, 0.95, 0.025, strength=500.0) for n in (400, 40_000))
    assert wide is not None
    assert narrow is not None
    for (lower, upper), n in ((wide, 400), (narrow, 40_000)):
        assert lower < 0.95 * n < upper
    assert (narrow[1] - narrow[0]) / 40_000 < (wide[1] - wide[0]) / 400 / 4


def test_few_trials_do_not_bound_a_high_quantile_from_above() -> None:
    found = sequence.quantile_ranks(20, 0.95, 0.025, strength=50.0)
    assert found is not None
    assert found[1] > 20


def test_the_symmetric_interval_solves_its_own_boundary() -> None:
    rng = Random(5)
    values = [rng.gauss(0.3, 1.0) for _ in range(200)]
    bounds = sequence.symmetric_interval(values, 0.05, spread=20.0)
    assert bounds is not None
    for shift in bounds:
        moved = np.array(values) - shift
        squares = float(moved @ moved) + 20.0
        limit = squares * (math.log(squares / 20.0) + 2.0 * math.log(20.0))
        assert float(moved.sum()) ** 2 == pytest.approx(limit, rel=1e-6)
    assert bounds[0] < 0.3 < bounds[1]


def test_too_few_differences_bound_nothing() -> None:
    assert sequence.symmetric_interval([], 0.05, spread=1.0) is None
    assert sequence.symmetric_interval([0.1, 0.2], 0.05, spread=1.0) is None
    assert sequence.symmetric_interval([0.1] * 50, 0.05, spread=0.0) is None
