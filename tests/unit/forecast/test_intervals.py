from random import Random

import numpy as np
import pytest

from foreroute.core.series import Metric
from foreroute.forecast.intervals import Residuals, Width, interval, residuals


def grow(record: Residuals, outcomes: list[float], *, mean: float = 1.0) -> float:
    """Plays outcomes through a record as the book does; the share that was inside."""
    inside = 0
    for outcome in outcomes:
        width = record.width()
        size = mean + record.offset
        hit = mean - width.below * size <= outcome <= mean + width.above * size
        inside += hit
        record.add(outcome, mean, inside=hit)
    return inside / len(outcomes)


def test_a_young_record_has_a_wide_prior_that_grows_with_the_horizon() -> None:
    near, far = (residuals(Metric.LATENCY_P95, coverage=0.8, steps=steps).width() for steps in (15, 60))
    assert near.below == near.above > 0.3
    assert far.above > near.above


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_the_interval_holds_what_it_promises(coverage: float) -> None:
    rng = Random(1)
    record = residuals(Metric.LATENCY_P95, coverage=coverage, steps=15)
    share = grow(record, [rng.lognormvariate(0.0, 0.2) for _ in range(2000)])
    assert share == pytest.approx(coverage, abs=0.03)


def test_the_interval_widens_when_the_noise_does() -> None:
    """Adaptive: coverage comes back after a change that the old residuals know nothing of."""
    rng = Random(2)
    record = residuals(Metric.LATENCY_P95, coverage=0.8, steps=15)
    grow(record, [rng.gauss(1.0, 0.05) for _ in range(400)])
    before = record.width()
    grow(record, [rng.gauss(1.0, 0.3) for _ in range(150)])
    after = grow(record, [rng.gauss(1.0, 0.3) for _ in range(600)])
    assert record.width().above > 2 * before.above
    assert after == pytest.approx(0.8, abs=0.05)


def test_the_interval_is_wider_on_the_side_that_misses_more() -> None:
    rng = Random(3)
    record = residuals(Metric.LATENCY_P95, coverage=0.8, steps=15)
    grow(record, [rng.lognormvariate(0.0, 0.5) for _ in range(300)])
    width = record.width()
    assert width.above > width.below


def test_a_forecast_of_zero_failures_has_an_interval() -> None:
    record = residuals(Metric.FAILURE_RATIO, coverage=0.8, steps=15)
    grow(record, [0.0, 0.0, 0.1] * 60, mean=0.0)
    lower, upper = interval(np.zeros(3), {1: record.width()}, offset=record.offset)
    assert lower.tolist() == [0.0, 0.0, 0.0]
    assert upper[0] == pytest.approx(0.1)


def test_between_graded_horizons_the_width_never_narrows() -> None:
    widths = {1: Width(0.1, 0.3), 15: Width(0.2, 0.2), 60: Width(0.4, 0.6)}
    lower, upper = interval(np.ones(60), widths, offset=0.0)
    assert lower[0] == pytest.approx(0.9)
    assert upper[[0, 14, 59]].tolist() == pytest.approx([1.3, 1.3, 1.6])
    assert (np.diff(upper) >= 0).all()
    assert (np.diff(lower) <= 0).all()


def test_a_stale_forecast_is_as_unsure_as_a_later_one() -> None:
    widths = {1: Width(0.1, 0.1), 60: Width(0.5, 0.5)}
    _, fresh = interval(np.ones(30), widths, offset=0.0)
    _, stale = interval(np.ones(30), widths, offset=0.0, stale=20.0)
    assert stale[0] == pytest.approx(fresh[20])


def test_misses_widen_the_interval_beyond_what_the_residuals_say() -> None:
    """The adaptive part: with the same residuals, a record that has missed is wider than one that has hit."""
    rng = Random(4)
    outcomes = [rng.gauss(1.0, 0.1) for _ in range(200)]
    missed, hit = (residuals(Metric.LATENCY_P95, coverage=0.8, steps=15) for _ in range(2))
    for number, outcome in enumerate(outcomes):
        missed.add(outcome, 1.0, inside=number < 170)
        hit.add(outcome, 1.0, inside=True)
    assert missed.width().above > 1.3 * hit.width().above
