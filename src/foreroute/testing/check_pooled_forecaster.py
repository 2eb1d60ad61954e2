"""What every forecaster of all series at once must do. Public: call it with your own from a test, it asserts."""

import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from foreroute.core.errors import ModelFileError, TooLittleHistory
from foreroute.core.findings import Forecast, WindowForecast
from foreroute.core.ports import FittedPool, PooledForecaster
from foreroute.core.series import Series
from foreroute.testing.samples import channels_with_days, empty, usual

_HORIZON = 60
_METRIC = channels_with_days(1, days=0.1)[0].metric


def check_pooled_forecaster(
    forecaster: PooledForecaster, *, tolerance: float = 1e-9, scale_tolerance: float | None = 1e-6
) -> None:
    """Shape, order of the bounds, purity, determinism, pickling, storing, strange input, scale.

    Learns from nine days of five-minute values of three channels. `tolerance`: relative difference allowed between
    answers that must be the same; `scale_tolerance`: as for `check_forecaster`, None for a model that does not promise it.
    """
    assert forecaster.name, "a forecaster has a name"
    learnt_from = channels_with_days()
    fitted = forecaster.fit(learnt_from)
    series = (*learnt_from, *_asked().values())
    said = fitted.forecast(series, steps=_HORIZON)
    assert len(said) == len(series), "one forecast for each series"
    for one, forecast in zip(series, said, strict=True):
        _check_one(forecast, forecaster, one)
    same = _comparison(series, said, tolerance)
    same("asking does not change a model", fitted)
    same("a model survives the way from a worker", pickle.loads(pickle.dumps(fitted)))  # noqa: S301 - our own bytes
    same("a model survives being stored", forecaster.load(_dumped(fitted)))
    copy: PooledForecaster = pickle.loads(pickle.dumps(forecaster))  # noqa: S301
    same("fits are deterministic", copy.fit(learnt_from))
    _check_alone(fitted, series, said, tolerance)
    _check_no_look_ahead(fitted, learnt_from[0], tolerance)
    _check_says_nothing(fitted, forecaster)
    _check_refusals(forecaster, _dumped(fitted))
    if scale_tolerance is not None:
        _check_scale(fitted, learnt_from, scale_tolerance)


def _asked() -> dict[str, Series]:
    """Series on which it must give a finite forecast, on the grid that it has learnt."""
    return {
        name: replace(one, step_s=300.0)
        for name, one in usual().items()
        if one.metric is _METRIC and name != "one value"
    }


def _check_one(forecast: Forecast, forecaster: PooledForecaster, series: Series) -> None:
    name = series.channel
    lengths = {len(forecast.mean), len(forecast.lower), len(forecast.upper)}
    assert lengths == {_HORIZON}, f"{name}: one value for each of {_HORIZON} steps, not {lengths}"
    assert (forecast.channel, forecast.metric) == (series.channel, series.metric), (
        f"{name}: of the series asked about"
    )
    assert (forecast.origin_at, forecast.step_s) == (series.end_at, series.step_s), (
        f"{name}: from the end of the series on, on its grid"
    )
    assert forecast.model == forecaster.name, f"{name}: signed with the forecaster's name"
    assert 0.0 < forecast.coverage < 1.0, f"{name}: coverage is a probability"
    for lower, mean, upper in zip(forecast.lower, forecast.mean, forecast.upper, strict=True):
        assert all(map(math.isfinite, (lower, mean, upper))), f"{name}: finite wherever there is a value"
        assert 0.0 <= lower <= mean <= upper, f"{name}: 0 ≤ lower ≤ mean ≤ upper"
    for window in forecast.windows:
        bounds = (window.lower95, window.lower80, window.value, window.upper80, window.upper95)
        assert all(map(math.isfinite, bounds)), f"{name}: finite wherever there is a value"
        assert list(bounds) == sorted(bounds), (
            f"{name}: the 95 % interval holds the 80 % one, and that the value"
        )


def _comparison(
    series: Sequence[Series], said: Sequence[Forecast], tolerance: float
) -> Callable[[str, FittedPool], None]:
    def same(what: str, fitted: FittedPool) -> None:
        again = fitted.forecast(series, steps=_HORIZON)
        assert all(_alike(a, b, tolerance) for a, b in zip(said, again, strict=True)), what

    return same


def _check_alone(
    fitted: FittedPool, series: Sequence[Series], said: Sequence[Forecast], tolerance: float
) -> None:
    for one, forecast in zip(series, said, strict=True):
        (alone,) = fitted.forecast([one], steps=_HORIZON)
        assert _alike(forecast, alone, tolerance), f"{one.channel}: who else is asked about changes nothing"
        (short,) = fitted.forecast([one], steps=15)
        cut = replace(forecast, mean=forecast.mean[:15], lower=forecast.lower[:15], upper=forecast.upper[:15])
        assert _alike(cut, short, tolerance), f"{one.channel}: how far one asks does not change the answer"
    assert fitted.forecast([], steps=_HORIZON) == (), "nothing asked, nothing answered"


def _check_no_look_ahead(fitted: FittedPool, series: Series, tolerance: float) -> None:
    early = replace(series, values=series.values[:-100])
    (before,) = fitted.forecast([early], steps=_HORIZON)
    for following in ((9.0,) * 20, (math.nan,) * 20, series.values[-100:]):
        longer = replace(early, values=early.values + following)
        after, _ = fitted.forecast([early, longer], steps=_HORIZON)
        assert _alike(before, after, tolerance), "later values do not leak back"


def _check_says_nothing(fitted: FittedPool, forecaster: PooledForecaster) -> None:
    for series in empty().values():
        (forecast,) = fitted.forecast([replace(series, step_s=300.0)], steps=_HORIZON)
        numbers = (*forecast.mean, *forecast.lower, *forecast.upper)
        assert len(numbers) == 3 * _HORIZON, "one value for each step"
        assert all(map(math.isnan, numbers)), "nothing known is NaN, not a number made up"
        assert forecast.model == forecaster.name, "signed with the forecaster's name"


def _dumped(fitted: FittedPool) -> Mapping[str, bytes]:
    files = fitted.dump()
    assert files, "a model is stored as one file at least"
    assert all(isinstance(content, bytes) for content in files.values()), "files are bytes"
    return files


def _check_refusals(forecaster: PooledForecaster, files: Mapping[str, bytes]) -> None:
    for name in files:
        missing = {other: content for other, content in files.items() if other != name}
        for wrong in (missing, {**files, name: b""}, {**files, name: files[name][: len(files[name]) // 2]}):
            try:
                forecaster.load(wrong)
            except ModelFileError:
                continue
            raise AssertionError(f"a model whose {name} is missing or cut off is refused")
    nothing: tuple[Series, ...] = ()
    for few in (nothing, channels_with_days(1, days=0.5)):
        try:
            forecaster.fit(few)
        except TooLittleHistory:
            continue


def _check_scale(fitted: FittedPool, series: Sequence[Series], tolerance: float) -> None:
    larger = [replace(one, values=tuple(8.0 * value for value in one.values)) for one in series]
    small, large = (fitted.forecast(asked, steps=_HORIZON) for asked in (series, larger))
    for one, eight in zip(small, large, strict=True):
        for a, b in zip((*one.mean, *one.upper), (*eight.mean, *eight.upper), strict=True):
            near = math.isclose(8.0 * a, b, rel_tol=tolerance, abs_tol=tolerance * max(eight.upper))
            assert near, "milliseconds or seconds make no difference"


def _alike(one: Forecast, other: Forecast, tolerance: float) -> bool:
    return (
        (one.channel, one.metric, one.origin_at, one.model)
        == (other.channel, other.metric, other.origin_at, other.model)
        and len(one.windows) == len(other.windows)
        and all(
            math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance * max(one.upper, default=0.0))
            for a, b in zip(_numbers(one), _numbers(other), strict=True)
        )
    )


def _numbers(forecast: Forecast) -> list[float]:
    return [
        *forecast.mean,
        *forecast.lower,
        *forecast.upper,
        *(number for window in forecast.windows for number in _bounds(window)),
    ]


def _bounds(window: WindowForecast) -> tuple[float, ...]:
    return (window.value, window.lower80, window.upper80, window.lower95, window.upper95)
