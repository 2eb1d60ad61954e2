"""Models that a library fits and that are evaluated here: both must say the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from foreroute.core.series import Metric, Series
from foreroute.forecast.arima import Arima, FittedArima
from foreroute.forecast.mstl import FittedMstl, Mstl
from foreroute.forecast.theta import FittedTheta, Theta
from foreroute.testing.samples import a_series

Make = Callable[..., Series]
DAY = 1440


def statsforecast() -> Any:
    return pytest.importorskip("statsforecast.models", reason="the extra `stats` is not installed")


def wandering(length: int, *, seed: int = 3, drift: float = 0.0) -> list[float]:
    """A level that wanders, each step partly taken back."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(drift, 0.02, length + 1)
    return [float(value) for value in 1.0 + np.cumsum(steps[1:] - 0.5 * steps[:-1])]


def pulled_back(length: int, *, seed: int = 1) -> list[float]:
    """Values that return to 2 by and by."""
    rng = np.random.default_rng(seed)
    values = [2.0, 2.0]
    for _ in range(length):
        values.append(2.0 + 0.6 * (values[-1] - 2.0) + 0.25 * (values[-2] - 2.0) + rng.normal(0.0, 0.05))
    return values[2:]


@pytest.mark.parametrize("values", [wandering(300), wandering(300, drift=0.02), pulled_back(300)])
def test_arima_says_what_the_library_says_and_goes_on_as_it_does_without_a_fit(values: list[float]) -> None:
    models = statsforecast()
    past, whole = np.array(values[:240]), np.array(values)
    fitted = Arima().fit(a_series(*past))
    assert isinstance(fitted, FittedArima)
    library = models.AutoARIMA(season_length=1, max_p=5, max_q=5).fit(past / np.mean(np.abs(past)))
    scale = float(np.mean(np.abs(past)))
    ours = fitted.forecast(a_series(*past), steps=30).mean
    np.testing.assert_allclose(ours, library.predict(30)["mean"] * scale, rtol=5e-3)
    later = fitted.forecast(a_series(*whole[-240:]), steps=30).mean
    np.testing.assert_allclose(later, library.forward(whole[-240:] / scale, 30)["mean"] * scale, rtol=5e-3)


def test_arima_expects_what_is_missing() -> None:
    """AR(1) of 0.5 about 1: two steps without a value halve the deviation twice."""
    model = FittedArima(ar=(0.5,), ma=(), differences=0, constant=1.0)
    said = model.forecast(a_series(1.0, 1.0, 1.8, float("nan"), float("nan")), steps=2).mean
    assert said == pytest.approx((1.1, 1.05))


def test_arima_differenced_twice_goes_on_along_the_line() -> None:
    model = FittedArima(ar=(), ma=(), differences=2)
    assert model.forecast(a_series(1.0, 1.1, 1.2), steps=2).mean == pytest.approx((1.3, 1.4))


def test_theta_says_what_the_library_says_and_follows_what_comes_after_the_fit() -> None:
    models = statsforecast()
    values = np.array(wandering(300, drift=0.02))
    past = a_series(*values[:240])
    fitted = Theta().fit(past)
    assert isinstance(fitted, FittedTheta)
    library = models.AutoTheta(season_length=1, decomposition_type="additive").fit(values[:240])
    np.testing.assert_allclose(fitted.forecast(past, steps=30).mean, library.predict(30)["mean"], rtol=1e-3)
    later = fitted.forecast(a_series(*values), steps=1).mean[0]
    assert abs(later - values[-1]) < 0.1 < abs(later - values[239])


def test_mstl_knows_the_course_of_the_day(noisy: Make) -> None:
    statsforecast()

    def truth(minute: int) -> float:
        return 0.4 + 0.2 * float(np.sin(2 * np.pi * minute / DAY))

    past = noisy(3 * DAY + 300, truth, noise=0.02)
    fitted = Mstl().fit(past)
    assert isinstance(fitted, FittedMstl)
    assert len(fitted.course) == 288
    ahead = [truth(3 * DAY + 300 + step) for step in range(60)]
    np.testing.assert_allclose(fitted.forecast(past, steps=60).mean, ahead, rtol=0.06)
    later = noisy(3 * DAY + 900, truth, noise=0.02)
    ahead = [truth(3 * DAY + 900 + step) for step in range(60)]
    np.testing.assert_allclose(fitted.forecast(later, steps=60).mean, ahead, rtol=0.06)


def test_mstl_places_the_course_by_the_clock(noisy: Make) -> None:
    """A series that begins at an odd minute has the same course as one that begins at midnight."""
    statsforecast()
    whole = noisy(4 * DAY, lambda minute: 0.4 + 0.2 * (minute % DAY > 700), noise=0.02)
    whole = replace(whole, start_at=86_400.0 * 20_000)
    odd = replace(whole, start_at=whole.start_at + 60.0 * 1003, values=whole.values[1003:])
    first, second = Mstl().fit(whole), Mstl().fit(odd)
    assert isinstance(first, FittedMstl)
    assert isinstance(second, FittedMstl)
    rises = [int(np.argmax(np.diff(one.course))) for one in (first, second)]
    assert rises == [139, 139]  # the place of minute 700 is 140


def test_under_two_days_there_is_no_course(noisy: Make) -> None:
    statsforecast()
    fitted = Mstl().fit(noisy(2 * DAY - 60))
    assert isinstance(fitted, FittedMstl)
    assert fitted.course == ()


@pytest.mark.parametrize("kind", [Arima, Theta, Mstl])
def test_a_ratio_stays_between_zero_and_one(kind: type, noisy: Make) -> None:
    statsforecast()
    past = replace(noisy(180, lambda minute: 0.004 * minute), metric=Metric.FAILURE_RATIO)
    forecast = kind().fit(past).forecast(past, steps=600)
    assert 0.0 <= min(forecast.mean) <= max(forecast.upper) <= 1.0
