"""Each forecast is on record and meets its outcome."""

import math

import pytest

from foreroute.control.forecast_log import FORECAST, forecast_record, graded, opened
from foreroute.core.findings import Forecast, WindowForecast, WindowTarget
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series

A = ChannelId("a")
KEY = (A, Metric.FIRST_CHUNK_P95)


def window(target: WindowTarget, value: float, *, horizon_s: float = 180.0) -> WindowForecast:
    return WindowForecast(
        target=target,
        horizon_s=horizon_s,
        value=value,
        lower80=value * 0.9,
        upper80=value * 1.1,
        lower95=value * 0.8,
        upper95=value * 1.2,
        n_effective=10.0,
        floor_ratio=math.nan,
    )


def forecast(*windows: WindowForecast) -> Forecast:
    return Forecast(
        channel=A,
        metric=KEY[1],
        origin_at=300.0,
        step_s=60.0,
        mean=(1.0,),
        lower=(0.9,),
        upper=(1.1,),
        coverage=0.8,
        model="ensemble",
        windows=windows,
    )


def a_series(*values: float, counts: tuple[float, ...] = ()) -> Series:
    return Series(channel=A, metric=KEY[1], start_at=0.0, step_s=60.0, values=values, counts=counts)


def test_a_forecast_meets_its_outcome() -> None:
    """Said at second 300, after five minutes: of the next three, and of the third."""
    said = forecast(window(WindowTarget.MEAN, 2.0), window(WindowTarget.POINT, 3.0))
    record = forecast_record(300.0, {KEY: said}, [KEY])
    assert record is not None
    assert (record.kind, record.id, record.at) == (FORECAST, "300", 300.0)
    whole = a_series(1, 1, 1, 1, 5, 1, 2, 3, 9, counts=(1, 1, 1, 1, 1, 1, 1, 8, 1))
    mean, point = graded(opened([record]), whole)
    assert (mean.target, mean.value, mean.issued_at) == (WindowTarget.MEAN, 2.0, 300.0)
    assert mean.outcome == pytest.approx((1 + 2 + 8 * 3) / 10)
    assert (point.outcome, point.last, point.is_inside) == (3.0, 5.0, True)
    assert not mean.is_inside


def test_what_is_not_due_is_left_out_and_what_was_not_measured_is_nan() -> None:
    record = forecast_record(
        300.0,
        {KEY: forecast(window(WindowTarget.POINT, 3.0), window(WindowTarget.POINT, 3.0, horizon_s=3600.0))},
        [KEY],
    )
    assert record is not None
    assert list(graded(opened([record]), a_series(*[1.0] * 7))) == []
    (found,) = graded(opened([record]), a_series(*[1.0] * 7, math.nan))
    assert math.isnan(found.outcome)
    assert not found.is_inside
    other = Series(channel=ChannelId("b"), metric=KEY[1], start_at=0.0, step_s=60.0, values=(1.0,) * 9)
    assert list(graded(opened([record]), other)) == []


def test_nothing_said_is_nothing_on_record() -> None:
    assert forecast_record(300.0, {}, [KEY]) is None
    assert forecast_record(300.0, {KEY: forecast()}, [KEY]) is None
    assert forecast_record(300.0, {KEY: forecast(window(WindowTarget.MEAN, 2.0))}, []) is None
