"""The stage as the tick uses it."""

import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from foreroute.core.findings import Forecast, ForecastSkill
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.forecast.engine import ForecastEngine, ForecastSettings, run_fit
from foreroute.forecast.registry import LOCAL, forecasters

Make = Callable[..., Series]
A = ChannelId("a")
METRIC = Metric.FIRST_CHUNK_P95
NAN = float("nan")


def an_engine(settings: ForecastSettings | None = None) -> ForecastEngine:
    return ForecastEngine(settings or ForecastSettings(), forecasters(["smoothing", "trend"]), local=LOCAL)


def window(series: Series, end: int, *, length: int = 180) -> Series:
    """What a tick hands in after `end` minutes: a sliding window."""
    start = max(0, end - length)
    return replace(series, start_at=series.start_at + 60.0 * start, values=series.values[start:end])


def play(engine: ForecastEngine, series: Series, ends: Sequence[int]) -> list[Forecast]:
    found: list[Forecast] = []
    for end in ends:
        found += engine.update([window(series, end)])
    return found


def skill_of(engine: ForecastEngine, model: str, horizon_s: float) -> ForecastSkill:
    (found,) = (s for s in engine.skills() if (s.model, s.horizon_s) == (model, horizon_s))
    return found


def test_history_gives_a_record_and_a_vote_before_the_first_tick(noisy: Make) -> None:
    engine = an_engine()
    engine.warm([noisy(180)])
    assert {(s.model, s.horizon_s) for s in engine.skills()} == {
        (model, horizon_s)
        for model in ("naive", "smoothing", "trend", "ensemble")
        for horizon_s in (900.0, 3600.0)
    }
    found = skill_of(engine, "ensemble", 900.0)
    assert found.has_vote
    assert found.skill > 0.1
    assert not skill_of(engine, "naive", 900.0).has_vote
    assert engine.record().made == engine.record().graded == 0


def test_one_combined_forecast_for_each_series(noisy: Make) -> None:
    engine = an_engine()
    one, other = noisy(60), replace(noisy(60, seed=1), channel=ChannelId("b"))
    forecasts = engine.update([one, other])
    assert [forecast.channel for forecast in forecasts] == ["a", "b"]
    for forecast in forecasts:
        assert (forecast.model, forecast.coverage, len(forecast.mean)) == ("ensemble", 0.8, 60)
        assert forecast.origin_at == one.end_at


def test_too_few_values_are_not_forecast(series: Make) -> None:
    engine = an_engine()
    assert engine.update([series(*(0.3,) * 9, *(NAN,) * 30), series()]) == ()
    assert engine.skills() == ()


def test_on_steady_noise_the_ensemble_beats_the_last_value(noisy: Make) -> None:
    engine = an_engine()
    whole = noisy(480)
    engine.warm([window(whole, 180)])
    play(engine, whole, range(181, 481))
    record = engine.record()
    assert record.mean_absolute_error is not None
    assert record.naive_mean_absolute_error is not None
    assert record.mean_absolute_error < 0.85 * record.naive_mean_absolute_error
    assert skill_of(engine, "ensemble", 900.0).coverage == pytest.approx(0.8, abs=0.05)
    assert skill_of(engine, "ensemble", 3600.0).coverage == pytest.approx(0.8, abs=0.08)


def test_slow_ramps_are_foreseen_through_the_noise(noisy: Make) -> None:
    """Eighteen minutes into a ramp, what is forecast for a quarter of an hour later lies above all that has been.

    A ramp that chance has made look like a step is told from one only later: so it is most of them, not all.
    """

    def truth(t: int) -> float:
        return 0.35 * (1.0 + 0.04 * max(0, t - 180))

    gains, ensemble_errors, naive_errors = [], [], []
    for seed in range(12):
        whole = noisy(198, truth, seed=seed, noise=0.12)
        engine = an_engine()
        engine.warm([window(whole, 180)])
        ahead = play(engine, whole, range(181, 199))[-1].at_horizon(900)
        gains.append(ahead.mean / truth(197))
        ensemble_errors.append(abs(ahead.mean - truth(212)))
        naive_errors.append(abs(whole.values[-1] - truth(212)))
        assert skill_of(engine, "ensemble", 900.0).has_vote
    assert np.median(gains) > 1.1
    assert np.mean(ensemble_errors) < 0.75 * np.mean(naive_errors)


def test_a_vote_is_lost_in_a_series_that_only_the_last_value_can_follow(series: Make) -> None:
    """Steps at unforeseeable moments, no noise between them."""
    rng = np.random.default_rng(3)
    steps = np.repeat(rng.uniform(0.2, 1.0, 12), 40)
    engine = an_engine()
    engine.warm([series(*steps.tolist())])
    assert not skill_of(engine, "ensemble", 900.0).has_vote


def test_a_forecast_is_graded_by_the_single_window_that_it_was_for(series: Make) -> None:
    engine = an_engine(ForecastSettings(horizons_s=(120.0,), values_min=2))
    whole = series(1.0, 1.0, 1.0, 5.0, 1.0)
    play(engine, whole, [2, 3])
    assert engine.record().graded == 0
    play(engine, whole, [4])
    record = engine.record()
    assert (record.graded, record.naive_mean_absolute_error) == (1, 4.0)


def test_missing_outcomes_grade_nobody(series: Make, noisy: Make) -> None:
    values = list(noisy(120).values)
    values[70:100] = [NAN] * 30
    engine = an_engine(ForecastSettings(horizons_s=(300.0,)))
    forecasts = play(engine, series(*values), range(60, 121))
    assert engine.record().graded == 61 - 5 - 30
    assert len(forecasts) == 61
    assert all(math.isfinite(value) for forecast in forecasts for value in forecast.upper)


def test_the_interval_widens_while_nothing_is_measured(series: Make) -> None:
    """A random walk: the further, the less sure."""
    walk = 0.35 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0, 0.03, 180)))
    whole = series(*walk.tolist(), *(NAN,) * 20)
    engine = an_engine()
    engine.warm([window(whole, 180)])
    fresh, stale = (play(engine, whole, [end])[0] for end in (180, 200))
    assert stale.upper[0] / stale.mean[0] > 1.05 * fresh.upper[0] / fresh.mean[0]


def test_a_gap_in_the_ticks_costs_only_its_own_outcomes(noisy: Make) -> None:
    """The process was down for two hours; what came due in between is graded from the stored minutes."""
    engine = an_engine(ForecastSettings(horizons_s=(900.0,)))
    whole = noisy(300)
    play(engine, whole, [100, *range(220, 241)])
    assert engine.record().graded == 1 + 6


def test_an_origin_seen_before_teaches_nothing(noisy: Make) -> None:
    """A clock that is set back: the same minutes again are answered and not counted twice."""
    engine, steady = an_engine(), an_engine()
    whole = noisy(220)
    for one in (engine, steady):
        one.warm([window(whole, 180)])
    before = engine.skills()
    again = [*range(150, 181), 180]
    assert [forecast.origin_at for forecast in play(engine, whole, again)] == [
        whole.start_at + 60.0 * end for end in again
    ]
    assert engine.skills() == before
    assert play(engine, whole, range(181, 221)) == play(steady, whole, range(181, 221))
    assert engine.skills() == steady.skills()


def test_what_was_said_earlier_can_be_drawn_on_the_window_that_it_was_for(noisy: Make) -> None:
    engine = an_engine()
    whole = noisy(120)
    forecasts = play(engine, whole, [60, 61, 63])
    found = engine.past_predictions(A, METRIC, 900.0)
    assert found is not None
    assert found.start_at == whole.start_at + 60.0 * 74
    said = [forecast.at_horizon(900).mean for forecast in forecasts]
    assert [found.values[i] for i in (0, 1, 3)] == said
    assert math.isnan(found.values[2])
    assert engine.past_predictions(A, METRIC, 120.0) is None
    assert engine.past_predictions(ChannelId("nobody"), METRIC, 900.0) is None


def test_fits_come_due_and_are_adopted(noisy: Make) -> None:
    engine = an_engine()
    past = noisy(180)
    assert engine.due_fits(0.0) == ()
    first = engine.update([past])
    jobs = engine.due_fits(past.end_at)
    assert [job.forecaster.name for job in jobs] == ["naive", "smoothing", "trend"]
    assert engine.due_fits(past.end_at + 1799.0) == ()
    assert len(engine.due_fits(past.end_at + 1800.0)) == 3
    for job in jobs:
        engine.adopt(pickle.loads(pickle.dumps(run_fit(pickle.loads(pickle.dumps(job))))))
    assert engine.update([past])[0] == first[0]


def test_a_model_that_comes_later_starts_without_a_record(noisy: Make) -> None:
    """`trend` is fitted in a worker here, as heavy models are."""
    engine = ForecastEngine(ForecastSettings(), forecasters(["smoothing", "trend"]), local={"smoothing"})
    whole = noisy(260)
    engine.warm([window(whole, 180)])
    assert {s.model for s in engine.skills()} == {"naive", "smoothing", "ensemble"}
    for job in engine.due_fits(whole.end_at):
        engine.adopt(run_fit(job))
    play(engine, whole, range(181, 261))
    late, early = skill_of(engine, "trend", 900.0), skill_of(engine, "smoothing", 900.0)
    assert late.outcomes == 80 - 15
    assert early.outcomes == late.outcomes + (180 - 45 + 1)


def test_a_result_for_a_series_that_is_gone_is_dropped(noisy: Make) -> None:
    engine = an_engine()
    engine.update([noisy(60)])
    (job, *_) = engine.due_fits(1e9)
    an_engine().adopt(run_fit(job))


def test_same_input_same_forecasts_and_the_state_survives_pickling(noisy: Make) -> None:
    whole = noisy(240)
    one, other = an_engine(), an_engine()
    for engine in (one, other):
        engine.warm([window(whole, 180)])
    other = pickle.loads(pickle.dumps(other))
    assert play(one, whole, range(181, 241)) == play(other, whole, range(181, 241))
    assert one.skills() == other.skills()
    assert one.record() == other.record()


def test_forecasts_and_bounds_are_ordered_and_not_negative(noisy: Make) -> None:
    engine = an_engine()
    whole = noisy(240, lambda t: 0.35 if t < 200 else 1.4, noise=0.5)
    engine.warm([window(whole, 100)])
    for forecast in play(engine, whole, range(101, 241)):
        for lower, mean, upper in zip(forecast.lower, forecast.mean, forecast.upper, strict=True):
            assert 0.0 <= lower <= mean <= upper


def test_a_ratio_stays_a_ratio(series: Make) -> None:
    values = [0.0] * 90 + [min(1.0, t / 30) for t in range(90)]
    engine = an_engine()
    engine.warm([series(*values, metric=Metric.FAILURE_RATIO)])
    (forecast,) = engine.update([series(*values, metric=Metric.FAILURE_RATIO)])
    assert min(forecast.lower) >= 0.0
    assert max(forecast.upper) <= 1.0
