import numpy as np
import pytest

from foreroute.forecast.ensemble import Credibility, Loss, Tracking, combine, has_vote, weights


def loss(error: float, naive_error: float = 1.0, *, outcomes: int = 40) -> Loss:
    found = Loss()
    for _ in range(outcomes):
        found.add(error, naive_error)
    return found


def test_a_better_model_weighs_more_and_a_much_worse_one_nothing() -> None:
    shares = weights({"naive": loss(1.0), "good": loss(0.5), "bad": loss(5.0)}, {}, outcomes_min=20)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["good"] > 0.9
    assert shares["bad"] < 0.001


def test_the_ensemble_collapses_onto_the_last_value_when_that_is_best() -> None:
    shares = weights({"naive": loss(1.0), "a": loss(3.0), "b": loss(4.0)}, {}, outcomes_min=20)
    paths = {"naive": np.full(3, 2.0), "a": np.array([3.0, 4.0, 5.0]), "b": np.array([1.0, 0.0, 0.0])}
    assert combine(paths, shares, 0.0) == pytest.approx(np.full(3, 2.0), abs=0.02)


def test_without_a_record_all_weigh_the_same_also_a_newcomer() -> None:
    young = {"naive": loss(1.0, outcomes=5), "a": loss(0.1, outcomes=5), "new": Loss()}
    assert weights(young, {}, outcomes_min=20) == pytest.approx(dict.fromkeys(young, 1 / 3))


def test_an_unproven_model_weighs_nothing_beside_a_proven_one() -> None:
    shares = weights({"naive": loss(1.0), "new": loss(0.0, outcomes=3)}, {}, outcomes_min=20)
    assert shares == {"naive": 1.0, "new": 0.0}


def test_a_newcomer_is_judged_on_its_own_outcomes() -> None:
    """It came in a storm: its error is larger than that of the others, but half of the last value's."""
    shares = weights({"naive": loss(1.0), "new": loss(2.0, 4.0)}, {}, outcomes_min=20)
    assert shares["new"] > 0.9


def test_a_model_that_lags_loses_weight_before_its_forecasts_come_due() -> None:
    lagging, centred = Tracking(), Tracking()
    for minute in range(10):
        lagging.add(0.3)
        centred.add(0.3 if minute % 2 else -0.3)
    assert lagging.trust < 0.01
    assert centred.trust > 0.9
    shares = weights({"a": loss(0.5), "b": loss(0.5)}, {"a": lagging.trust, "b": 1.0}, outcomes_min=20)
    assert shares["b"] > 0.99


def test_changes_are_taken_from_models_that_have_a_view_on_change() -> None:
    paths = {"naive": np.full(3, 1.0), "trend": np.array([1.0, 1.5, 2.0])}
    assert combine(paths, {"naive": 0.5, "trend": 0.5}, 1.0).tolist() == [1.0, 1.5, 2.0]
    assert combine(paths, {"naive": 0.5, "trend": 0.5}, 0.5).tolist() == [1.0, 1.25, 1.5]


def test_a_path_with_a_hole_is_passed_over() -> None:
    paths = {"naive": np.full(2, 1.0), "broken": np.array([1.0, np.nan])}
    assert combine(paths, {"naive": 0.1, "broken": 0.9}, 1.0).tolist() == [1.0, 1.0]
    assert np.isnan(combine({"broken": np.full(2, np.nan)}, {"broken": 1.0}, 1.0)).all()


def test_predicted_changes_that_never_come_lose_credit() -> None:
    false, true = Credibility(), Credibility()
    for _ in range(100):
        false.add(0.2, 0.0, 1.0)
        true.add(0.2, 0.2, 1.0)
    assert Credibility().factor == 1.0
    assert false.factor < 0.2
    assert true.factor == pytest.approx(1.0)


def test_an_unforeseen_ramp_does_not_discredit_small_predictions_much() -> None:
    """Ten ripples of −1 % predicted while +30 % came."""
    surprised = Credibility()
    for _ in range(10):
        surprised.add(-0.01, 0.3, 1.0)
    assert surprised.factor > 0.95


def test_only_a_model_better_than_the_last_value_on_enough_outcomes_has_a_vote() -> None:
    assert has_vote(loss(0.9, outcomes=20), outcomes_min=20)
    assert not has_vote(loss(0.9, outcomes=19), outcomes_min=20)
    assert not has_vote(loss(1.0, outcomes=40), outcomes_min=20)


def test_a_vote_is_lost_when_the_model_gets_worse_than_the_last_value() -> None:
    record = loss(0.5, outcomes=200)
    for _ in range(120):
        record.add(1.5, 1.0)
    assert record.mean < record.naive_mean
    assert not has_vote(record, outcomes_min=20)
