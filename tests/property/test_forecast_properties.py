"""What holds for any series, however strange."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.forecast.engine import ForecastEngine, ForecastSettings
from foreroute.forecast.naive import Naive
from foreroute.forecast.smoothing import Smoothing
from foreroute.forecast.trend import Trend

VALUE = st.one_of(
    st.floats(min_value=1e-4, max_value=1e4), st.just(0.0), st.just(math.nan), st.sampled_from([0.3, 0.35])
)
VALUES = st.lists(VALUE, max_size=90)
MODELS = (Naive(), Smoothing(), Trend())


def a_series(values: list[float]) -> Series:
    return Series(
        channel=ChannelId("a"), metric=Metric.LATENCY_P95, start_at=0.0, step_s=60.0, values=tuple(values)
    )


@given(VALUES, st.sampled_from(MODELS), st.integers(1, 90))
def test_a_model_never_raises_and_never_runs_away(
    values: list[float], forecaster: Naive | Smoothing | Trend, steps: int
) -> None:
    series = a_series(values)
    forecast = forecaster.fit(series).forecast(series, steps=steps)
    measured = [value for value in values if math.isfinite(value)]
    assert len(forecast.mean) == len(forecast.lower) == len(forecast.upper) == steps
    if not measured:
        assert all(map(math.isnan, forecast.mean))
        return
    base = float(np.median(measured[-30:]))
    for lower, mean, upper in zip(forecast.lower, forecast.mean, forecast.upper, strict=True):
        assert 0.0 <= lower <= mean <= upper < math.inf
        if base > 0:
            assert 0.2 * base * (1 - 1e-9) <= mean <= 5.0 * base * (1 + 1e-9)


@settings(max_examples=40)
@given(st.lists(VALUE, min_size=12, max_size=60))
def test_the_stage_never_raises(values: list[float]) -> None:
    engine = ForecastEngine(ForecastSettings(horizons_s=(180.0, 600.0), outcomes_min=3))
    series = a_series(values)
    engine.warm([replace(series, values=series.values[:10])])
    for end in range(10, len(values) + 1):
        for forecast in engine.update([replace(series, values=series.values[:end])]).values():
            for lower, mean, upper in zip(forecast.lower, forecast.mean, forecast.upper, strict=True):
                assert 0.0 <= lower <= mean <= upper < math.inf
    for skill in engine.skills([(series.channel, series.metric)]):
        assert math.isfinite(skill.mean_absolute_error)
