"""What each model says of series whose truth is known."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from foreroute.core.errors import ConfigError, MissingExtra
from foreroute.core.ports import FittedForecaster
from foreroute.core.series import Metric, Series
from foreroute.forecast.ets import Ets, FittedEts
from foreroute.forecast.naive import Naive
from foreroute.forecast.recursion import Damped, State
from foreroute.forecast.registry import forecasters
from foreroute.forecast.smoothing import FittedSmoothing, Smoothing
from foreroute.forecast.trend import Trend
from foreroute.forecast.values import known

NAN = float("nan")
Make = Callable[..., Series]


def at_15(model: FittedForecaster, series: Series) -> float:
    return model.forecast(series, steps=60).at_horizon(900).mean


def test_naive_takes_the_last_value_that_was_measured(series: Make) -> None:
    forecast = Naive().fit(series()).forecast(series(0.2, 0.4, NAN, NAN), steps=3)
    assert forecast.mean == (0.4, 0.4, 0.4)
    assert forecast.origin_at == 6240.0


def test_smoothing_averages_noise_away(noisy: Make) -> None:
    past = noisy(180)
    model = Smoothing().fit(past)
    assert at_15(model, past) == pytest.approx(0.354, abs=0.03)


def test_smoothing_chooses_to_follow_what_wanders(noisy: Make) -> None:
    steady = Smoothing().fit(noisy(180))
    wandering = Smoothing().fit(noisy(180, lambda t: 0.3 + 0.2 * np.sin(t / 12), noise=0.01))
    assert isinstance(steady, FittedSmoothing)
    assert isinstance(wandering, FittedSmoothing)
    assert steady.model.alpha < wandering.model.alpha


def test_smoothing_uses_its_defaults_on_a_young_series(noisy: Make) -> None:
    assert Smoothing().fit(noisy(20)) == FittedSmoothing()


@pytest.mark.parametrize("forecaster", [Smoothing(), Trend()])
def test_one_outlier_moves_a_forecast_little(
    forecaster: Smoothing | Trend, noisy: Make, series: Make
) -> None:
    past = noisy(180)
    model = forecaster.fit(past)
    struck = series(*past.values[:-1], 20.0)
    assert at_15(model, struck) < 1.35 * at_15(model, past)


@pytest.mark.parametrize("forecaster", [Trend(), Smoothing()])
def test_a_model_follows_a_line_without_noise(forecaster: Smoothing | Trend, series: Make) -> None:
    line = series(*(1.0 + 0.01 * t for t in range(120)))
    assert at_15(forecaster.fit(line), line) == pytest.approx(1.0 + 0.01 * 134, rel=0.05)


def test_trend_does_not_believe_a_slope_that_is_noise(noisy: Make) -> None:
    ahead = [at_15(Trend().fit(noisy(180)), noisy(180, seed=seed)) for seed in range(20)]
    assert np.mean(np.abs(np.array(ahead) - 0.354)) < 0.04


def test_trend_sees_a_ramp_through_the_noise(noisy: Make) -> None:
    def truth(t: int) -> float:
        return 0.35 * (1.0 + 0.05 * max(0, t - 120))

    gains = []
    for seed in range(10):
        past = noisy(138, truth, seed=seed)
        gains.append(at_15(Trend().fit(past), past) / truth(137))
    assert np.median(gains) > 1.2


@pytest.mark.parametrize("forecaster", [Smoothing(), Trend()])
def test_nothing_is_forecast_far_from_what_was_usual(forecaster: Smoothing | Trend, series: Make) -> None:
    runaway = series(*(0.1,) * 40, *(0.1 * 1.5**t for t in range(12)))
    base = float(np.median(runaway.values[-30:]))
    assert max(forecaster.fit(runaway).forecast(runaway, steps=60).mean) <= 5.0 * base


def test_a_share_is_never_forecast_above_one(series: Make) -> None:
    rising = series(*(t / 60 for t in range(59)), metric=Metric.FAILURE_RATIO)
    forecast = Trend().fit(rising).forecast(rising, steps=60)
    assert max(forecast.upper) <= 1.0


def test_a_missing_minute_moves_the_level_along_the_trend(series: Make) -> None:
    model = Damped(alpha=0.5, beta=0.2, phi=0.9)
    data = known(series(1.0, 2.0, 3.0, NAN, NAN))
    last = model.states(data)[-1]
    path = model.path(last, 2)
    assert last.age == 2.0
    assert path[0] == pytest.approx(last.level + last.trend * (0.9 + 0.81 + 0.729))


def test_a_recursion_that_hardly_learns_averages_what_it_has(series: Make) -> None:
    model = Damped(alpha=1e-4, beta=0.0, phi=1.0)
    assert model.states(known(series(1.0, 2.0, 3.0, 4.0)))[-1].level == pytest.approx(2.5)


def test_a_recursion_goes_on_from_a_state_over_a_gap(series: Make) -> None:
    model = Damped(alpha=0.5, beta=0.0, phi=0.5)
    (after,) = model.states(known(series(NAN, NAN, 9.0)), start=State(1.0, 1.0, 3.0))
    expected = 1.0 + 0.5 + 0.25 + 0.125
    assert after.level == pytest.approx(expected + 0.5 * (9.0 - expected))
    assert after.trend == pytest.approx(0.125)


@pytest.mark.parametrize("truth", [lambda _: 0.35, lambda t: 0.2 + 0.01 * t])
def test_ets_continues_as_its_library_does(noisy: Make, truth: Callable[[int], float]) -> None:
    """The library is asked to update on new values without a fit; our recursion gives its next mean."""
    models = pytest.importorskip("statsforecast.models", reason="the extra `stats` is not installed")
    whole = noisy(150, truth)
    fitted = Ets().fit(replace(whole, values=whole.values[:120]))
    theirs = models.AutoETS(season_length=1, model="ZZN").fit(np.array(whole.values[:120]))
    expected = theirs.forward(np.array(whole.values), h=1)["mean"][0]
    assert fitted.forecast(whole, steps=1).mean[0] == pytest.approx(expected, rel=1e-9)


def test_ets_answers_for_an_origin_before_its_fit(noisy: Make) -> None:
    whole = noisy(120)
    fitted = FittedEts("ANN", Damped(0.1, 0.0, 1.0), level=9.0, trend=0.0, fitted_at=whole.end_at)
    early = replace(whole, values=whole.values[:60])
    assert fitted.forecast(early, steps=1).mean[0] == pytest.approx(0.35, abs=0.1)


def test_ets_without_its_library_says_what_to_install(noisy: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsforecast.models", None)
    with pytest.raises(MissingExtra, match=r"pip install 'foreroute\[stats\]'"):
        Ets().fit(noisy(60))


def test_forecasting_does_not_import_the_libraries_of_the_fits() -> None:
    code = (
        "import sys, foreroute.forecast.registry, foreroute.forecast.engine\n"
        "from foreroute.forecast.ets import FittedEts\n"
        "print([name for name in ('statsforecast', 'pandas', 'scipy') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_forecasters_are_found_by_name_and_naive_is_always_there() -> None:
    assert [one.name for one in forecasters(["trend", "naive", "trend"])] == ["naive", "trend"]
    with pytest.raises(ConfigError, match=r"known: arima, ets, .*, naive, prophet, smoothing, theta, trend"):
        forecasters(["prophecy"])
