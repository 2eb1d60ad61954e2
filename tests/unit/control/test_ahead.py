"""What is to come beside what was: forecasts that have a vote, the newest minutes where none has, and demand."""

import math
from statistics import mean

import pytest

from foreroute.control.ahead import AS_SEEN, Ahead, Course, ahead_of
from foreroute.core.findings import Forecast
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series
from foreroute.decide.snapshot import Outlook

A, B = ChannelId("a"), ChannelId("b")


def series(values: list[float], metric: Metric = Metric.FIRST_CHUNK_P95, channel: ChannelId = A) -> Series:
    return Series(channel=channel, metric=metric, start_at=0.0, step_s=60.0, values=tuple(values))


def outlook(value: float, *, vote: bool) -> Outlook:
    return Outlook(
        horizon_s=900.0,
        mean_s=value,
        lower_s=value * 0.8,
        upper_s=value * 1.4,
        coverage=0.8,
        model="bank",
        has_vote=vote,
    )


def asked(values: list[float], expected: float, channel: ChannelId = A) -> tuple[Series, Forecast]:
    path = (expected,) * 15
    found = Forecast(
        channel=channel,
        metric=Metric.ATTEMPTS,
        origin_at=0.0,
        step_s=60.0,
        mean=path,
        lower=path,
        upper=path,
        coverage=0.8,
        model="bank",
    )
    return series(values, Metric.ATTEMPTS, channel), found


def made(values: list[float], said: Outlook | None) -> Ahead:
    looks = {} if said is None else {A: said}
    return ahead_of(0.0, looks, {A: series(values)}, {}, span_s=3600.0, horizon_s=900.0)


def test_a_forecast_with_a_vote_is_a_multiple_of_what_was_seen() -> None:
    course = made([1.0] * 60, outlook(1.5, vote=True)).courses[A]
    assert (course.factor, course.lower, course.upper) == pytest.approx((1.5, 1.2, 2.1))
    assert course.model == "bank"


def test_without_a_vote_the_newest_minutes_stand_in_and_are_sure() -> None:
    course = made([1.0] * 45 + [2.0] * 15, outlook(9.0, vote=False)).courses[A]
    assert course.factor == pytest.approx(2.0 / 1.25)
    assert course.points() == (course.factor,)
    assert course.model == ""


def test_a_channel_that_was_not_measured_is_left_out() -> None:
    assert made([math.nan] * 60, None).courses == {}


def test_points_are_evenly_probable_around_the_factor() -> None:
    points = Course(factor=1.0, lower=0.8, upper=1.2).points()
    assert mean(points) == pytest.approx(1.0)
    assert sum(0.8 <= one <= 1.2 for one in points) >= 6
    wider = Course(factor=1.0, lower=0.9, upper=1.6).points()
    assert mean(wider) > 1.0
    assert AS_SEEN.points() == (1.0,)


def test_demand_is_asked_over_all_channels_together() -> None:
    found = ahead_of(
        0.0,
        {},
        {},
        {A: asked([10.0] * 60, 30.0), B: asked([10.0] * 60, 0.0, B)},
        span_s=3600.0,
        horizon_s=900.0,
    )
    assert found.demand_ratio([A, B]) == pytest.approx(1.5)
    assert found.demand_ratio(["stranger"]) == 1.0
