"""The stage as the tick uses it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from foreroute.core.errors import StoreCorrupt
from foreroute.core.findings import Forecast, ForecastSkill
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.forecast.engine import ForecastEngine, ForecastSettings
from foreroute.forecast.experts import Experts, ExpertSettings, FittedSeries, SeriesFit, run_job
from foreroute.forecast.trend import Trend

Make = Callable[..., Series]
A = ChannelId("a")
METRIC = Metric.FIRST_CHUNK_P95
KEY = (A, METRIC)
NAN = float("nan")


def an_engine(settings: ForecastSettings | None = None) -> ForecastEngine:
    return ForecastEngine(settings or ForecastSettings())


def window(series: Series, end: int, *, length: int = 180) -> Series:
    """What a tick hands in after `end` minutes: a sliding window."""
    start = max(0, end - length)
    return replace(series, start_at=series.start_at + 60.0 * start, values=series.values[start:end])


def play(engine: ForecastEngine, series: Series, ends: Sequence[int]) -> list[Forecast]:
    found: list[Forecast] = []
    for end in ends:
        found += engine.update([window(series, end)]).values()
    return found


def said(engine: ForecastEngine, series: Series, ends: Sequence[int]) -> list[tuple[tuple[float, ...], ...]]:
    """What is compared of forecasts: their NaN are not equal to each other."""
    return [(one.mean, one.lower, one.upper) for one in play(engine, series, ends)]


def skill_of(engine: ForecastEngine, horizon_s: float = 900.0) -> ForecastSkill:
    """The ensemble's."""
    (found,) = (skill for skill in engine.skills([KEY]) if skill.horizon_s == horizon_s)
    return found


def test_history_gives_a_record_and_a_vote_before_the_first_tick(noisy: Make) -> None:
    engine = an_engine()
    engine.warm([noisy(180)])
    assert [skill.horizon_s for skill in engine.skills([KEY])] == [900.0, 3600.0]
    assert skill_of(engine).has_vote
    assert skill_of(engine).skill > 0.1
    assert engine.record().made == engine.record().graded == 0


def test_one_combined_forecast_for_each_series(noisy: Make) -> None:
    engine = an_engine()
    one, other = noisy(60), replace(noisy(60, seed=1), channel=ChannelId("b"))
    engine.warm([one, other])
    forecasts = engine.update([one, other])
    assert list(forecasts) == [KEY, (ChannelId("b"), METRIC)]
    for forecast in forecasts.values():
        assert (forecast.model, forecast.coverage, len(forecast.mean)) == ("ensemble", 0.8, 60)
        assert forecast.origin_at == one.end_at
        assert forecast.over(900.0) is not None
        assert forecast.over(3600.0) is not None


def test_the_numbers_alone_are_those_of_the_whole_forecast_after_a_restart_too(noisy: Make) -> None:
    engine, again = an_engine(), an_engine()
    one, other = noisy(120), replace(noisy(120, seed=1), channel=ChannelId("b"))
    engine.warm([one, other])
    forecasts = engine.update([one, other])
    again.load(engine.dump())
    for (channel, metric), forecast in forecasts.items():
        assert (forecast.channel, forecast.metric) == (channel, metric)
        assert engine.windows(channel, metric) == again.windows(channel, metric) == forecast.windows
        assert {skill.channel for found in again.standings(channel, metric) for skill in found.skills} == {
            channel
        }
        bounds = zip(forecast.lower95, forecast.lower, forecast.upper, forecast.upper95, strict=True)
        assert all(a < b < c < d for a, b, c, d in bounds)
    assert engine.windows(ChannelId("nobody"), METRIC) == ()


def test_too_few_values_are_not_forecast(series: Make) -> None:
    engine = an_engine()
    short = series(*(0.3,) * 9, *(NAN,) * 30)
    engine.warm([short])
    assert len(engine.update([short])) == 0
    assert len(engine.update([])) == 0
    assert engine.skills([KEY, (ChannelId("nobody"), METRIC)]) == ()


def test_each_word_counts_for_what_it_has_been_worth(noisy: Make) -> None:
    engine = an_engine()
    engine.warm([noisy(300)])
    standings = engine.standings(A, METRIC)
    assert [(one.target.value, one.horizon_s) for one in standings] == [
        ("mean", 900.0),
        ("point", 900.0),
        ("mean", 3600.0),
        ("point", 3600.0),
    ]
    for one in standings:
        assert sum(one.weights.values()) == pytest.approx(1.0)
        assert one.weights["last"] < 0.05
    assert engine.standings(ChannelId("nobody"), METRIC) == ()


def test_on_steady_noise_the_ensemble_beats_the_last_value(noisy: Make) -> None:
    engine = an_engine()
    whole = noisy(480)
    engine.warm([window(whole, 180)])
    play(engine, whole, range(181, 481))
    record = engine.record()
    assert record.mean_absolute_error is not None
    assert record.naive_mean_absolute_error is not None
    assert record.mean_absolute_error < 0.85 * record.naive_mean_absolute_error
    assert skill_of(engine).coverage == pytest.approx(0.8, abs=0.05)
    assert skill_of(engine, 3600.0).coverage == pytest.approx(0.8, abs=0.08)


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
        assert skill_of(engine).has_vote
    assert np.median(gains) > 1.1
    assert np.mean(ensemble_errors) < 0.75 * np.mean(naive_errors)


def test_a_vote_is_lost_in_a_series_that_only_the_last_value_can_follow(series: Make) -> None:
    """Steps at unforeseeable moments, no noise between them."""
    rng = np.random.default_rng(3)
    steps = np.repeat(rng.uniform(0.2, 1.0, 12), 40)
    engine = an_engine()
    engine.warm([series(*steps.tolist())])
    assert not skill_of(engine).has_vote


def test_a_forecast_is_graded_by_the_single_window_that_it_was_for(series: Make) -> None:
    engine = an_engine(ForecastSettings(horizons_s=(120.0,), values_min=2))
    whole = series(1.0, 1.0, 1.0, 5.0, 1.0)
    play(engine, whole, [2, 3])
    assert engine.record().graded == 1
    play(engine, whole, [4])
    record = engine.record()
    assert record.graded == 2
    assert record.naive_mean_absolute_error == pytest.approx(2.0)


def test_missing_outcomes_grade_nobody(series: Make, noisy: Make) -> None:
    values = list(noisy(120).values)
    values[70:100] = [NAN] * 30
    engine = an_engine(ForecastSettings(horizons_s=(300.0,)))
    forecasts = play(engine, series(*values), range(60, 121))
    assert engine.record().graded == 61 - 30
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


def test_a_gap_in_the_ticks_costs_nothing(noisy: Make) -> None:
    """The loop stood still for two hours: the stored minutes are taken in as if it had not."""
    engine, steady = (an_engine(ForecastSettings(horizons_s=(900.0,))) for _ in range(2))
    whole = noisy(300)
    for one in (engine, steady):
        one.warm([window(whole, 100)])
    assert said(engine, whole, [220]) == said(steady, whole, range(101, 221))[-1:]
    assert engine.record().graded == steady.record().graded == 120


def test_an_origin_seen_before_teaches_nothing(noisy: Make) -> None:
    """A clock that is set back: the same minutes again are answered and not counted twice."""
    engine, steady = an_engine(), an_engine()
    whole = noisy(220)
    for one in (engine, steady):
        one.warm([window(whole, 180)])
    before = engine.skills([KEY])
    assert play(engine, whole, range(150, 180)) == []
    (again,) = play(engine, whole, [180])
    assert again.origin_at == whole.start_at + 60.0 * 180
    assert engine.skills([KEY]) == before
    assert said(engine, whole, range(181, 221)) == said(steady, whole, range(181, 221))
    assert engine.skills([KEY]) == steady.skills([KEY])


def test_what_was_said_earlier_can_be_drawn_on_the_window_that_it_was_for(noisy: Make) -> None:
    engine = an_engine()
    whole = noisy(120)
    forecasts = play(engine, whole, range(60, 70))
    found = engine.past_predictions(A, METRIC, 900.0)
    assert found is not None
    assert found.end_at == whole.start_at + 60.0 * 84
    assert list(found.values[-10:]) == pytest.approx(
        [one.at_horizon(900).mean for one in forecasts], rel=1e-3
    )
    assert engine.past_predictions(A, METRIC, 120.0) is None
    assert engine.past_predictions(ChannelId("nobody"), METRIC, 900.0) is None


def test_a_plug_in_comes_without_a_vote_and_earns_it(noisy: Make) -> None:
    """`trend` is fitted in a worker here, as heavy models are."""
    experts = Experts(ExpertSettings(answer_every=1), [Trend(name="trend_alone")])
    engine = ForecastEngine(ForecastSettings(), experts)
    whole = noisy(400)
    engine.warm([window(whole, 180)])
    engine.update([window(whole, 181)])
    assert [one.weights["trend_alone"] for one in engine.standings(A, METRIC)] == [0.0] * 4
    fitted = run_job(SeriesFit(Trend(name="trend_alone"), whole))
    assert isinstance(fitted, FittedSeries)
    experts.adopt(fitted)
    play(engine, whole, range(182, 330))
    assert 0.0 < engine.standings(A, METRIC)[1].weights["trend_alone"] < 1.0


def test_what_was_learnt_goes_on_after_a_restart(noisy: Make) -> None:
    whole = noisy(240)
    one, other = an_engine(), an_engine()
    one.warm([window(whole, 180)])
    other.load(one.dump())
    other.warm([window(whole, 180)])
    assert said(one, whole, range(181, 241)) == said(other, whole, range(181, 241))
    assert one.skills([KEY]) == other.skills([KEY])
    assert one.record() == other.record()


def test_what_was_missed_while_it_was_down_is_learnt_from_the_store(noisy: Make) -> None:
    whole = noisy(300)
    one, other = an_engine(), an_engine()
    one.warm([window(whole, 180)])
    other.load(one.dump())
    one.warm([window(whole, 240)])
    other.warm([window(whole, 240)])
    assert one.skills([KEY]) == other.skills([KEY])


@pytest.mark.parametrize("state", [b"", b"PK\x03\x04", b"anything"])
def test_a_state_that_is_none_is_refused_and_changes_nothing(noisy: Make, state: bytes) -> None:
    engine = an_engine()
    engine.warm([noisy(100)])
    before = engine.skills([KEY])
    with pytest.raises(StoreCorrupt):
        engine.load(state)
    assert engine.skills([KEY]) == before


def test_a_state_of_other_horizons_is_refused(noisy: Make) -> None:
    engine = an_engine()
    engine.warm([noisy(100)])
    with pytest.raises(StoreCorrupt, match="other settings"):
        an_engine(ForecastSettings(horizons_s=(600.0,))).load(engine.dump())


def test_a_series_that_changes_its_nature_has_drifted(noisy: Make) -> None:
    """Smooth swings, long; then the model that has learnt them is worse than the last value."""
    rng = np.random.default_rng(1)
    swings = [0.5 + 0.3 * math.sin(t / 9.0) + float(rng.normal(0.0, 0.01)) for t in range(600)]
    steps = np.repeat(rng.uniform(0.2, 1.0, 15), 20).tolist()
    engine = an_engine()
    whole = replace(noisy(900), values=tuple(swings + steps))
    engine.warm([window(whole, 600, length=600)])
    assert engine.drifted() == ()
    drifted = [bool(play(engine, whole, [end])) and engine.drifted() == (KEY,) for end in range(601, 901)]
    assert any(drifted)


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
    (forecast,) = engine.update([series(*values, metric=Metric.FAILURE_RATIO)]).values()
    assert min(forecast.lower) >= 0.0
    assert max(forecast.upper) <= 1.0
