"""What was said, what came, and how well that was."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from foreroute.core.cost_record import StatedForecast
from foreroute.core.ledger import Metered, SpendCell, SpendGroup
from foreroute.cost.calendar import Period, Window, period_of
from foreroute.cost.forecast_record import Grade, graded, grades, live_grades, mark_of, stated
from foreroute.cost.period_forecast import Outlook, PeriodForecast
from foreroute.cost.report import By

AT = datetime(2026, 11, 30, 18, tzinfo=UTC).timestamp()
DAY = period_of(Period.DAY, AT, UTC)


def outlook(name: str, expected: int, spread: int = 10) -> Outlook:
    return Outlook(
        name=name,
        spent_usd=Decimal(1),
        expected_usd=Decimal(expected),
        lower_usd=Decimal(expected - spread),
        upper_usd=Decimal(expected + spread),
        requests=5.0,
        usd_per_request=1.0,
    )


def forecast(total: int, at: float = AT, window: Window = DAY, **channels: int) -> PeriodForecast:
    parts = tuple(outlook(name, usd) for name, usd in channels.items())
    return PeriodForecast(
        window=window, at=at, total=outlook("total", total), by={By.CHANNEL: parts}, path_at=at
    )


@pytest.mark.parametrize(
    ("hours", "mark"), [(0, None), (2.4, 10), (3.3, 10), (3.4, None), (12, 50), (18.5, 75), (23.9, None)]
)
def test_a_moment_stands_for_the_mark_that_it_has_just_passed(hours, mark):
    assert mark_of(DAY, DAY.start_at + hours * 3600.0) == mark


def test_what_came_is_read_off_the_ledger_for_each():
    said = stated(Period.DAY, 75, forecast(100, big=90, gone=10))
    assert [(one.division, one.name, one.mark) for one in said] == [
        ("total", "total", 75),
        ("channel", "big", 75),
        ("channel", "gone", 75),
    ]
    metered = Metered(attempts=9, cost_usd=Decimal(80), unpriced_attempts=2)
    cells = [SpendCell(DAY.start_at, DAY.end_at, SpendGroup("big"), metered)]
    came = {one.name: (one.came_usd, one.unpriced_attempts) for one in graded(said, cells)}
    assert came == {"total": (Decimal(80), 2), "big": (Decimal(80), 2), "gone": (Decimal(0), 0)}


def one(mark: int, expected: int, came: int | None, name: str = "total") -> StatedForecast:
    return StatedForecast(
        period="day",
        start_at=DAY.start_at,
        end_at=DAY.end_at,
        mark=mark,
        division="total",
        name=name,
        at=AT,
        spent_usd=Decimal(1),
        expected_usd=Decimal(expected),
        lower_usd=Decimal(expected - 10),
        upper_usd=Decimal(expected + 10),
        came_usd=None if came is None else Decimal(came),
    )


def test_error_bias_and_coverage_are_means_over_what_has_ended():
    half, late = grades([one(50, 110, 100), one(50, 80, 100), one(50, 99, None), one(75, 50, 0)])
    assert (half.period, half.division, half.mark, half.graded, half.live) == ("day", "total", 50, 2, False)
    assert half.error == pytest.approx(0.15)
    assert half.bias == pytest.approx(-0.05)
    assert half.coverage == 0.5
    assert late == Grade(
        period="day", division="total", mark=75, graded=1, error=None, coverage=0.0, bias=None
    )


def test_at_three_quarters_what_was_said_before_is_held_against_what_is_expected_now():
    said = [one(25, 120, None), one(50, 105, None), one(75, 100, None)]
    now = {"day": forecast(100, at=AT)}
    live = live_grades(said, now, AT)
    assert [(grade.mark, grade.live) for grade in live] == [(25, True), (50, True)]
    assert [grade.error for grade in live] == pytest.approx([0.2, 0.05])
    assert live_grades(said, now, AT - 3600.0) == (), "less than three quarters are over"
    other = period_of(Period.DAY, AT, UTC, back=1)
    assert live_grades(said, {"day": forecast(100, window=other)}, AT) == ()
