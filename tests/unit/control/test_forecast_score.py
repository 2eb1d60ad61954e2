"""The record of forecasts: error to the last value, floor, coverage, and where the skill is going."""

import math

import pytest

from foreroute.control.forecast_log import Graded
from foreroute.control.forecast_score import scores
from foreroute.core.findings import WindowTarget


def said(
    at: float, value: float, outcome: float, last: float, *, model: str = "ensemble", floor: float = 0.02
) -> Graded:
    return Graded(
        issued_at=at,
        horizon_s=900.0,
        target=WindowTarget.MEAN,
        value=value,
        lower80=value - 0.05,
        upper80=value + 0.05,
        outcome=outcome,
        last=last,
        floor_ratio=floor,
        model=model,
    )


def test_errors_are_beside_the_last_values_and_the_floor() -> None:
    (one,) = scores([said(60.0 * n, 0.52, 0.5, 0.4) for n in range(10)] + [said(600.0, 0.6, 0.5, 0.4)])
    assert one.graded == 11
    assert one.mean_absolute_error == pytest.approx((10 * 0.02 + 0.1) / 11)
    assert one.naive_mean_absolute_error == pytest.approx(0.1)
    assert one.relative_mae == pytest.approx(0.3 / 1.1)
    assert one.skill == pytest.approx(1.0 - 0.3 / 1.1)
    assert one.mape == pytest.approx((10 * 0.04 + 0.2) / 11)
    assert one.floor_ratio == pytest.approx(0.02)
    assert one.coverage80 == pytest.approx(10 / 11)


def test_models_are_told_apart_and_what_was_not_measured_is_left_out() -> None:
    found = scores(
        [
            said(0.0, 0.5, 0.5, 0.4, model="before"),
            said(60.0, 0.5, 0.5, 0.4),
            said(120.0, 0.5, math.nan, 0.4),
            said(180.0, math.nan, 0.5, 0.4),
        ]
    )
    assert [(one.model, one.graded) for one in found] == [("before", 1), ("ensemble", 1)]
    assert scores([]) == []


@pytest.mark.parametrize(
    ("first", "last", "direction"), [(0.4, 0.5, "rising"), (0.5, 0.4, "falling"), (0.48, 0.48, "steady")]
)
def test_the_skill_has_a_direction(first: float, last: float, direction: str) -> None:
    """Outcomes are 0.5 and the last value said 0.4; the forecast goes from one value to another."""
    values = [first + (last - first) * n / 59 for n in range(60)]
    (one,) = scores([said(60.0 * n, value, 0.5, 0.4) for n, value in enumerate(values)])
    assert one.direction == direction
    assert len(one.trend) == 6
    assert sum(point.graded for point in one.trend) == 60


def test_a_single_moment_has_no_direction_and_a_perfect_last_value_no_ratio() -> None:
    (one,) = scores([said(0.0, 0.5, 0.4, 0.4)])
    assert (one.direction, one.relative_mae, one.skill) == ("unknown", None, None)
