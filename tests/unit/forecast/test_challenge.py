"""A new model against the one that serves."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from tests.unit.forecast.pools import Average, Averages

from foreroute.core.errors import TooLittleHistory
from foreroute.core.series import Series
from foreroute.forecast.answers import answer_of, outcome_of
from foreroute.forecast.challenge import Challenge, ChallengeSettings, run_challenge, score
from foreroute.forecast.naive import Naive
from foreroute.testing.samples import a_series, noisy

HOUR = 3600.0
SETTINGS = ChallengeSettings(held_out_s=4 * HOUR, origins_max=400)


def history(count: int = 2, length: int = 900) -> tuple[Series, ...]:
    return tuple(replace(noisy(length, seed=n), channel=f"c{n}") for n in range(count))  # type: ignore[arg-type]


def test_the_first_of_its_kind_must_beat_the_last_value() -> None:
    verdict = run_challenge(Challenge(Averages(), history(), settings=SETTINGS))
    assert verdict.is_promoted
    assert verdict.held_out.champion is None
    assert 0.2 < verdict.held_out.challenger < 0.85
    assert verdict.series == ("c0", "c1")
    worse = run_challenge(Challenge(Averages(factor=3.0), history(), settings=SETTINGS))
    assert not worse.is_promoted
    assert "no better than that" in worse.why


@pytest.mark.parametrize(("window", "promoted"), [(60, True), (3, False), (30, False)])
def test_only_a_better_one_takes_over(window: int, promoted: bool) -> None:
    champion = Average(window=30).dump() if window != 60 else Average(window=5).dump()
    verdict = run_challenge(Challenge(Averages(window=window), history(), champion, SETTINGS))
    assert verdict.is_promoted == promoted
    assert verdict.held_out.champion is not None


def test_neither_is_fitted_on_what_it_is_scored_on() -> None:
    forecaster = Averages()
    series = history()
    verdict = run_challenge(Challenge(forecaster, series, settings=SETTINGS))
    ((*fitted_on,),) = forecaster.seen
    cut_at = series[0].end_at - 4 * HOUR
    assert {one.end_at for one in fitted_on} == {cut_at}
    assert verdict.trained_to_at == verdict.held_out.start_at == cut_at
    assert verdict.held_out.end_at == series[0].end_at


@dataclass(frozen=True)
class Spy:
    """Checks that it is shown nothing from its origin on."""

    truth: Series

    def forecast(self, series, *, steps):
        for one in series:
            count = round((one.end_at - self.truth.start_at) / one.step_s)
            start = round((one.start_at - self.truth.start_at) / one.step_s)
            assert one.values == self.truth.values[start:count]
            assert count >= 660
        return tuple(Naive().fit(one).forecast(one, steps=steps) for one in series)

    def dump(self):
        return {}


def test_origins_roll_through_the_held_out_part_and_show_the_past_alone() -> None:
    (truth,) = history(1)
    found = score([truth], {"spy": Spy(truth)}, truth.end_at - 4 * HOUR, SETTINGS)
    assert found.ratios["spy"] == pytest.approx(1.0)
    assert found.outcomes > 300


def test_a_series_with_nothing_to_grade_does_not_count() -> None:
    (truth,) = history(1)
    silent = replace(a_series(*(math.nan,) * 900), channel="silent")  # type: ignore[arg-type]
    alone = score([truth], {"a": Average()}, truth.end_at - 4 * HOUR, replace(SETTINGS, origins_max=200))
    both = score([truth, silent], {"a": Average()}, truth.end_at - 4 * HOUR, SETTINGS)
    assert both.ratios == alone.ratios


def test_nothing_to_grade_at_all_is_too_little_history() -> None:
    constant = a_series(*(1.0,) * 900)
    with pytest.raises(TooLittleHistory, match="too few measured windows"):
        run_challenge(Challenge(Averages(), (constant,), settings=SETTINGS))
    with pytest.raises(TooLittleHistory, match="no series"):
        run_challenge(Challenge(Averages(), (), settings=SETTINGS))
    with pytest.raises(TooLittleHistory, match="fewer than 100"):
        run_challenge(Challenge(Averages(), history(length=200), settings=SETTINGS))


def test_a_champion_that_cannot_be_read_any_more_is_none() -> None:
    verdict = run_challenge(Challenge(Averages(), history(), {"x": b""}, SETTINGS))
    assert verdict.is_promoted
    assert verdict.held_out.champion is None


def test_answers_and_outcomes_are_of_the_same_windows() -> None:
    values = np.array([1.0, 2.0, 3.0, math.nan, 5.0, math.nan, math.nan])
    np.testing.assert_array_equal(outcome_of(values, 1, (1, 2, 4)), [[2.0, 2.5, 10 / 3], [2.0, 3.0, 5.0]])
    np.testing.assert_array_equal(outcome_of(values, 4, (2, 3, 4)), [[5.0] + [math.nan] * 2, [math.nan] * 3])
    path = Naive().fit(a_series(1.0)).forecast(a_series(1.0), steps=4)
    path = replace(path, mean=(1.0, 2.0, 3.0, 6.0))
    np.testing.assert_array_equal(answer_of(path, (2, 4)), [[1.5, 3.0], [2.0, 6.0]])
