import numpy as np
import pytest

from foreroute.experiment.buckets import Buckets
from foreroute.experiment.cells import Cells
from foreroute.experiment.measures import COUNTED, Measure
from foreroute.experiment.moments import Moments


def test_the_mean_and_its_variance_are_those_of_the_textbook() -> None:
    values = np.random.default_rng(1).gamma(2.0, 3.0, 500)
    moments = Moments()
    for value in values:
        moments.add(1.0, float(value), 0.0)
    assert moments.mean == pytest.approx(values.mean())
    assert moments.variance_of_mean() == pytest.approx(values.var(ddof=1) / 500)


def test_a_unit_that_grows_is_one_unit() -> None:
    grown, whole = Moments(), Moments()
    grown.add(1.0, 2.0, 0.5)
    grown.change((1.0, 2.0, 0.5), (3.0, 7.0, 1.5))
    whole.add(3.0, 7.0, 1.5)
    assert grown.dump() == pytest.approx(whole.dump())
    assert Moments(*grown.dump()) == grown


def test_units_of_many_requests_count_as_one_each() -> None:
    """Every user makes ten equal requests: there are no more facts than users."""
    rng = np.random.default_rng(2)
    by_user, by_request = Moments(), Moments()
    for value in rng.normal(0.0, 1.0, 300):
        by_user.add(10.0, 10.0 * float(value), 0.0)
        for _ in range(10):
            by_request.add(1.0, float(value), 0.0)
    assert by_user.mean == pytest.approx(by_request.mean)
    assert by_user.variance_of_mean() == pytest.approx(10.0 * by_request.variance_of_mean(), rel=0.01)


def test_buckets_know_quantiles_within_a_percent() -> None:
    values = np.random.default_rng(3).lognormal(0.0, 1.0, 20_000)
    buckets = Buckets()
    for value in values:
        buckets.add(float(np.log(value)))
    for rank in (0.1, 0.5, 0.95, 0.999):
        assert np.exp(buckets.quantile(rank)) == pytest.approx(np.quantile(values, rank), rel=0.015)
    assert buckets.edges(0)[0] == -np.inf
    assert buckets.edges(20_001)[1] == np.inf
    assert Buckets(dict(buckets.counts)).counts == buckets.counts


def test_cells_survive_being_stored_and_take_new_measures() -> None:
    cells = Cells("b")
    cells.add(Measure.LATENCY, 1.5, 0.5)
    cells.add_before(Measure.COST, 3.0)
    again = Cells("b", cells.dump())
    assert again.sums(Measure.LATENCY) == (1.0, 1.5, 0.5)
    assert again.mean_before(Measure.COST) == 3.0
    assert again.mean_before(Measure.LATENCY) is None
    older = Cells("b", cells.dump()[: 8 * 5 * (len(COUNTED) - 1)])
    assert older.sums(COUNTED[-1]) == (0.0, 0.0, 0.0)
