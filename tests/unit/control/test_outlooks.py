"""What is expected of an objective, from its own forecast or from that of the slowdown."""

import math

import pytest

from foreroute.control.outlooks import outlooks, steering_keys
from foreroute.core.findings import Findings, Forecast, ForecastSkill
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric, Series

A = ChannelId("a")
P95, SLOW = Metric.FIRST_CHUNK_P95, Metric.FIRST_CHUNK_SLOWDOWN


def a_series(metric: Metric, *values: float) -> Series:
    return Series(channel=A, metric=metric, start_at=0.0, step_s=60.0, values=values)


def expected(metric: Metric, value: float) -> Forecast:
    return Forecast(
        channel=A,
        metric=metric,
        origin_at=0.0,
        step_s=60.0,
        mean=(value,) * 15,
        lower=(value * 0.9,) * 15,
        upper=(value * 1.2,) * 15,
        coverage=0.8,
        model="ensemble",
    )


def skill(metric: Metric, *, has_vote: bool) -> ForecastSkill:
    return ForecastSkill(
        channel=A,
        metric=metric,
        horizon_s=900.0,
        model="ensemble",
        outcomes=50,
        mean_absolute_error=0.1,
        naive_mean_absolute_error=0.2,
        has_vote=has_vote,
    )


def found(votes: dict[Metric, bool]) -> Findings:
    return Findings(
        forecasts={(A, P95): expected(P95, 0.5), (A, SLOW): expected(SLOW, 2.0)},
        skills=tuple(skill(metric, has_vote=vote) for metric, vote in votes.items()),
    )


BOTH = (a_series(P95, *[0.4] * 30), a_series(SLOW, *[1.0] * 30))


def test_an_objective_moves_with_the_slowdown_where_that_has_a_vote() -> None:
    """0.4 s at a slowdown of one: 0.8 s at two."""
    outlook = outlooks({A: P95}, BOTH, found({P95: True, SLOW: True}), horizon_s=900.0)[A]
    assert (outlook.model, outlook.has_vote) == ("slowdown", True)
    assert (outlook.mean_s, outlook.lower_s, outlook.upper_s) == pytest.approx((0.8, 0.72, 0.96))


@pytest.mark.parametrize("votes", [{P95: True, SLOW: False}, {P95: True}])
def test_without_a_vote_of_the_slowdown_its_own_forecast_counts(votes: dict[Metric, bool]) -> None:
    outlook = outlooks({A: P95}, BOTH, found(votes), horizon_s=900.0)[A]
    assert (outlook.model, outlook.has_vote, outlook.mean_s) == ("ensemble", True, 0.5)


def test_too_few_common_minutes_say_nothing_of_the_proportion() -> None:
    gaps = a_series(SLOW, *[1.0, math.nan] * 15)
    outlook = outlooks({A: P95}, (BOTH[0], gaps), found({P95: True, SLOW: True}), horizon_s=900.0)[A]
    assert outlook.model == "ensemble"


def test_one_odd_minute_does_not_change_the_proportion() -> None:
    odd = a_series(P95, *[0.4] * 29, 40.0)
    outlook = outlooks({A: P95}, (odd, BOTH[1]), found({SLOW: True}), horizon_s=900.0)[A]
    assert outlook.mean_s == pytest.approx(0.8)


def test_a_channel_without_any_forecast_has_no_outlook() -> None:
    assert outlooks({A: P95}, BOTH, Findings(), horizon_s=900.0) == {}


def test_votes_are_asked_of_the_objective_and_of_what_it_moves_with() -> None:
    assert steering_keys({A: P95}) == [(A, P95), (A, SLOW)]
    assert steering_keys({A: Metric.LATENCY_MEAN})[1] == (A, Metric.LATENCY_SLOWDOWN)
