"""Replay, outcomes and scores on series whose answers are known."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.forecast.backtest import BacktestSettings, backtest, geometric, overall, too_short
from foreroute.forecast.backtest_peers import baselines
from foreroute.forecast.backtest_replay import MEAN, POINT, outcomes_of, replay
from foreroute.forecast.backtest_score import Rules, scores
from foreroute.forecast.bank.settings import BankSettings

SETTINGS = BacktestSettings(horizons_s=(120.0, 600.0))
BANK = BankSettings(horizons_s=SETTINGS.horizons_s)


def a_series(values: object, *, name: str = "c", start_at: float = 0.0) -> Series:
    found = tuple(np.asarray(values, dtype=np.float64).tolist())
    return Series(
        channel=ChannelId(name), metric=Metric.LATENCY_P95, start_at=start_at, step_s=60.0, values=found
    )


def noisy(length: int = 200, *, seed: int = 1, level: float = 0.4) -> object:
    return level * np.random.default_rng(seed).lognormal(0.0, 0.2, length)


def test_outcomes_are_the_weighted_mean_of_the_window_and_the_value_at_its_end() -> None:
    values = np.array([[1.0], [2.0], [4.0], [np.nan], [6.0]])
    counts = np.array([[1.0], [3.0], [1.0], [np.nan], [0.0]])
    outcomes, requests = outcomes_of(values, counts, (2, 9))
    np.testing.assert_array_equal(outcomes[MEAN, 0, :, 0], [2.5, 4.0, 6.0, np.nan, np.nan])
    np.testing.assert_array_equal(outcomes[POINT, 0, :, 0], [4.0, np.nan, 6.0, np.nan, np.nan])
    np.testing.assert_array_equal(requests[0, :, 0], [4.0, 1.0, 1.0, 0.0, 0.0])
    assert np.isnan(outcomes[:, 1]).all()


@pytest.mark.parametrize(("said", "ratio"), [("the outcome", 0.0), ("the last value", 1.0)])
def test_a_forecast_that_is_perfect_or_naive_is_worth_what_it_should_be(said: str, ratio: float) -> None:
    played = replay([a_series(noisy())], BANK)
    for target in (MEAN, POINT):
        for at in range(2):
            answer = played.outcomes[target, at] if said == "the outcome" else played.values
            played.said[target, at] = answer[None]
    # What was said is kept to seven digits.
    for score in scores(played, 0, (), Rules()):
        assert score.ratio == pytest.approx(ratio, abs=1e-6)
        assert score.outcomes == 130 - score.horizon
        assert score.mape == pytest.approx(0.0, abs=1e-6) or ratio == 1.0


def test_coverage_counts_what_is_inside_the_interval() -> None:
    played = replay([a_series(noisy())], BANK)
    played.said[:, :, 1], played.said[:, :, 4] = 0.0, 100.0
    played.said[:, :, 2], played.said[:, :, 3] = 90.0, 100.0
    assert {(score.inside80, score.inside95) for score in scores(played, 0, (), Rules())} == {(0.0, 1.0)}


def test_the_naive_peer_has_the_error_of_the_last_value() -> None:
    played = replay([a_series(noisy())], BANK)
    every = Rules(origins=1000)
    for score in scores(played, 0, baselines(60.0)[:1], every):
        ours, theirs = score.peers["last"]
        assert theirs == pytest.approx(score.naive_error)
        assert ours == pytest.approx(score.error)


def test_noise_around_a_level_is_forecast_better_than_by_its_last_value_and_covered() -> None:
    found = backtest([a_series(noisy(600, seed=seed), name=str(seed)) for seed in range(3)], SETTINGS)
    assert len(found.scores) == 12
    for row in overall(found.scores):
        assert row.series == 3
        assert row.ratio < 0.9
        assert row.peers["mean_of_10"] < 1.1
        assert abs(row.inside80 - 0.8) < 0.15
    point = next(score for score in found.scores if score.target == POINT)
    # A level with nothing but noise: what is forecast is about as good as can be.
    assert point.mape == pytest.approx(point.floor, rel=0.25)
    assert sum(point.weights.values()) == pytest.approx(1.0, abs=1e-3)


def test_series_that_begin_at_different_times_are_scored_as_if_each_was_alone() -> None:
    early, late = a_series(noisy(300)), a_series(noisy(200, seed=2), name="d", start_at=6000.0)
    together = backtest([early, late], SETTINGS)
    alone = backtest([late], SETTINGS)
    mine = [score for score in together.scores if score.series is late]
    assert [score.outcomes for score in mine] == [score.outcomes for score in alone.scores]
    for one, other in zip(mine, alone.scores, strict=True):
        assert one.naive_error == pytest.approx(other.naive_error)
        assert one.error == pytest.approx(other.error, rel=0.05)
    assert [played.start_at for played in together.replays] == [0.0]


def test_series_of_different_steps_have_replays_of_their_own() -> None:
    hourly = replace(a_series(noisy(120, seed=3), name="h"), step_s=3600.0)
    found = backtest([a_series(noisy()), hourly], SETTINGS)
    assert [played.settings.step_s for played in found.replays] == [60.0, 3600.0]
    assert {score.horizon_s for score in found.scores if score.series is hourly} == {3600.0}
    with pytest.raises(ValueError, match="one step"):
        replay([a_series(noisy()), hourly])


def test_a_series_that_is_always_the_same_has_no_ratio() -> None:
    found = backtest([a_series(np.full(200, 0.4))], SETTINGS)
    assert found.scores
    assert all(math.isnan(score.ratio) for score in found.scores)
    assert all(math.isnan(row.ratio) for row in overall(found.scores))


def test_a_short_series_is_left_out_with_what_it_lacks() -> None:
    short, holes = noisy(60), np.array(noisy(200))
    holes[20:] = np.nan
    found = backtest([a_series(short), a_series(holes, name="holes")], SETTINGS)
    assert not found.scores
    assert [(one.measured, one.measured_needed, one.steps_needed) for one in found.too_short] == [
        (60, 50, 86),
        (20, 50, 86),
    ]
    longer = replace(SETTINGS, horizons_s=(3600.0,))
    lacking = too_short(a_series(noisy(100)), longer)
    assert lacking is not None
    assert lacking.steps_needed == math.ceil(80 / 0.65)
    assert too_short(a_series(noisy(lacking.steps_needed)), longer) is None


def test_nothing_is_scored_of_nothing() -> None:
    assert backtest([], SETTINGS).scores == ()
    assert overall(()) == ()
    assert math.isnan(geometric([]))
    assert geometric([0.5, 2.0, 0.0]) == pytest.approx(1.0)


def test_progress_is_told_in_order() -> None:
    told: list[tuple[int, int]] = []
    replay([a_series(noisy(2100))], BankSettings(horizons_s=(60.0,)), lambda *steps: told.append(steps))
    assert told == [(1000, 2100), (2000, 2100)]
    assert all(before < after for before, after in pairwise(told))
