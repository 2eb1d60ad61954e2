from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from foreroute.core.findings import Forecast, ForecastSkill
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Series
from foreroute.forecast.backtest import BacktestSettings, backtest
from foreroute.forecast.engine import ForecastEngine, ForecastSettings
from foreroute.forecast.naive import Naive
from foreroute.forecast.registry import LOCAL, forecasters
from foreroute.forecast.trend import Trend

Make = Callable[..., Series]


@dataclass
class Watching:
    """Notes what it was shown."""

    fits: list[float]
    origins: list[float]
    lengths: list[int]
    name: str = "watching"

    def fit(self, series: Series) -> FittedForecaster:
        self.fits.append(series.end_at)
        return self

    def forecast(self, series: Series, *, steps: int) -> Forecast:
        self.origins.append(series.end_at)
        self.lengths.append(len(series.values))
        return replace(Naive().fit(series).forecast(series, steps=steps), model=self.name)


def by_model(skills: tuple[ForecastSkill, ...], horizon_s: float) -> dict[str, ForecastSkill]:
    return {skill.model: skill for skill in skills if skill.horizon_s == horizon_s}


def test_baselines_and_ensemble_are_always_beside_on_the_same_outcomes(noisy: Make) -> None:
    found = by_model(backtest(noisy(300), [Trend()]).skills, 900.0)
    assert set(found) == {"naive", "smoothing", "trend", "ensemble"}
    assert {skill.outcomes for skill in found.values()} == {300 - 120 + 1 - 15}
    assert {skill.naive_mean_absolute_error for skill in found.values()} == {
        found["naive"].mean_absolute_error
    }
    assert found["ensemble"].skill > 0.1
    assert found["ensemble"].coverage == pytest.approx(0.8, abs=0.08)
    assert found["naive"].skill == 0.0


def test_naive_errors_are_those_of_the_definition(noisy: Make) -> None:
    whole = noisy(200)
    settings = BacktestSettings(horizons_s=(900.0,))
    expected = [abs(whole.values[end + 14] - whole.values[end - 1]) for end in range(120, 200 - 14)]
    found = by_model(backtest(whole, [], settings).skills, 900.0)["naive"]
    assert found.mean_absolute_error == pytest.approx(sum(expected) / len(expected))


def test_a_model_sees_what_was_there_and_is_refitted_in_time(noisy: Make) -> None:
    watching = Watching([], [], [])
    whole = noisy(200)
    backtest(whole, [watching], BacktestSettings(fit_every_s=1800.0, window_s=3600.0))
    assert watching.origins == [whole.start_at + 60.0 * end for end in range(120, 201)]
    assert watching.fits == [whole.start_at + 60.0 * end for end in (120, 150, 180)]
    assert set(watching.lengths) == {60}


def test_predictions_lie_on_the_windows_that_they_were_for(noisy: Make) -> None:
    whole = noisy(150)
    predicted = backtest(whole, []).predicted[900.0]
    assert predicted is not None
    assert predicted.start_at == whole.start_at + 60.0 * (120 + 14)
    assert predicted.end_at == whole.end_at + 900.0


def test_a_series_too_short_for_an_origin_gives_nothing(noisy: Make) -> None:
    found = backtest(noisy(60), [])
    assert found.skills == ()
    assert set(found.predicted.values()) == {None}


def test_history_played_through_at_the_start_is_the_backtest(noisy: Make) -> None:
    """The live record and the backtest are the same code: same origins, same models, same errors."""
    whole = noisy(170)
    engine = ForecastEngine(
        ForecastSettings(warm_windows=50, fit_every_s=1e9), forecasters(["smoothing", "trend"]), local=LOCAL
    )
    engine.warm([whole])
    offline = backtest(whole, [Trend()], BacktestSettings(first_origin_s=7200.0))
    live = engine.past_predictions(whole.channel, whole.metric, 900.0)
    assert live == offline.predicted[900.0]
