"""What every forecaster must do. Public: call it with your own from a test, it asserts."""

import math
import pickle
from dataclasses import replace

from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedForecaster, Forecaster
from foreroute.core.series import Series
from foreroute.testing.samples import a_series, empty, noisy, usual

_HORIZON = 60


def check_forecaster(forecaster: Forecaster, *, scale_tolerance: float | None = 1e-9) -> None:
    """Shape, order of the bounds, purity, determinism, pickling, strange input, scale.

    `scale_tolerance`: relative difference allowed between the forecast of eight times the series and eight times
    the forecast; None for a model that does not promise to be scale-equivariant.
    """
    assert forecaster.name, "a forecaster has a name"
    for name, series in usual().items():
        _check_forecast(forecaster, name, series)
        _check_repeatable(forecaster, name, series)
        _check_no_look_ahead(forecaster, name, series)
    for name, series in empty().items():
        _check_says_nothing(forecaster, name, series)
    _check_constant(forecaster)
    if scale_tolerance is not None:
        _check_scale(forecaster, scale_tolerance)


def _check_forecast(forecaster: Forecaster, name: str, series: Series) -> None:
    fitted = forecaster.fit(series)
    long = fitted.forecast(series, steps=_HORIZON)
    _check_shape(long, forecaster, name, series, _HORIZON)
    for lower, mean, upper in zip(long.lower, long.mean, long.upper, strict=True):
        assert all(map(math.isfinite, (lower, mean, upper))), f"{name}: finite wherever there is a value"
        assert 0.0 <= lower <= mean <= upper, f"{name}: 0 ≤ lower ≤ mean ≤ upper"
    short = fitted.forecast(series, steps=15)
    _check_shape(short, forecaster, name, series, 15)
    assert short.mean == long.mean[:15], f"{name}: how far one asks does not change the answer"


def _check_shape(forecast: Forecast, forecaster: Forecaster, name: str, series: Series, steps: int) -> None:
    lengths = {len(forecast.mean), len(forecast.lower), len(forecast.upper)}
    assert lengths == {steps}, f"{name}: one value for each of {steps} steps, not {lengths}"
    assert (forecast.channel, forecast.metric) == (series.channel, series.metric), (
        f"{name}: of the series asked about"
    )
    assert forecast.origin_at == series.end_at, f"{name}: the origin is the end of the series"
    assert forecast.step_s == series.step_s, f"{name}: on the grid of the series"
    assert forecast.model == forecaster.name, f"{name}: signed with the forecaster's name"
    assert 0.0 < forecast.coverage < 1.0, f"{name}: coverage is a probability"


def _check_repeatable(forecaster: Forecaster, name: str, series: Series) -> None:
    fitted = forecaster.fit(series)
    first = fitted.forecast(series, steps=_HORIZON)
    assert fitted.forecast(series, steps=_HORIZON) == first, f"{name}: asking does not change a model"
    again: FittedForecaster = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - our own bytes
    assert again.forecast(series, steps=_HORIZON) == first, f"{name}: a model survives the way from a worker"
    copy: Forecaster = pickle.loads(pickle.dumps(forecaster))  # noqa: S301
    assert copy.fit(series).forecast(series, steps=_HORIZON) == first, f"{name}: fits are deterministic"


def _check_no_look_ahead(forecaster: Forecaster, name: str, series: Series) -> None:
    """What comes after an origin is not known to a model, not even when it has been asked about later ones."""
    fitted = forecaster.fit(series)
    before = fitted.forecast(series, steps=_HORIZON)
    for following in ((9.0,) * 20, (math.nan,) * 20, (0.0,) * 20):
        fitted.forecast(replace(series, values=series.values + following), steps=_HORIZON)
        assert fitted.forecast(series, steps=_HORIZON) == before, f"{name}: later values do not leak back"


def _check_says_nothing(forecaster: Forecaster, name: str, series: Series) -> None:
    for fitted in (forecaster.fit(series), forecaster.fit(noisy(60))):
        forecast = fitted.forecast(series, steps=_HORIZON)
        _check_shape(forecast, forecaster, name, series, _HORIZON)
        numbers = (*forecast.mean, *forecast.lower, *forecast.upper)
        assert all(map(math.isnan, numbers)), f"{name}: nothing known is NaN, not a number made up"


def _check_constant(forecaster: Forecaster) -> None:
    series = a_series(*(0.35,) * 180)
    forecast = forecaster.fit(series).forecast(series, steps=_HORIZON)
    assert all(math.isclose(mean, 0.35, rel_tol=1e-6) for mean in forecast.mean), "what never changes goes on"


def _check_scale(forecaster: Forecaster, tolerance: float) -> None:
    series = noisy()
    larger = replace(series, values=tuple(8.0 * value for value in series.values))
    small = forecaster.fit(series).forecast(series, steps=_HORIZON)
    large = forecaster.fit(larger).forecast(larger, steps=_HORIZON)
    for one, eight in zip((*small.mean, *small.upper), (*large.mean, *large.upper), strict=True):
        assert math.isclose(8.0 * one, eight, rel_tol=tolerance), "milliseconds or seconds make no difference"
