"""When a report is due: by the clock on the wall of its time zone, once a period, and not for ever."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from foreroute.cost.calendar import Period
from foreroute.cost.schedule import Schedule, due

SEOUL = ZoneInfo("Asia/Seoul")
DAILY = Schedule(periods=(Period.DAY,), minute=8 * 60)


def names(schedule: Schedule, at: datetime, zone: ZoneInfo = SEOUL) -> list[str]:
    return [one.window.name for one in due(schedule, at.timestamp(), zone)]


def test_the_day_before_is_due_at_the_hour_of_the_operators_wall():
    before, after = datetime(2026, 11, 30, 22, 59, tzinfo=UTC), datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    assert names(DAILY, before) == ["2026-11-29"], "still the report of this morning"
    assert names(DAILY, after) == ["2026-11-30"], "08:00 of 1 December in Seoul"


def test_a_month_and_a_week_that_have_just_ended_are_due_too():
    everything = Schedule(periods=tuple(Period), minute=0)
    monday_first = datetime(2027, 2, 1, 0, 0, tzinfo=SEOUL)
    assert names(everything, monday_first) == ["2027-01-31", "2027-01-25", "2027-01"]


@pytest.mark.parametrize(("days", "expected"), [(6, ["2026-11"]), (8, [])])
def test_what_was_missed_is_sent_late_and_then_no_more(days, expected):
    monthly = Schedule(periods=(Period.MONTH,), minute=0)
    assert names(monthly, datetime(2026, 12, 1 + days, tzinfo=SEOUL)) == expected


def test_an_hour_that_a_clock_change_skips_is_still_a_moment():
    berlin = ZoneInfo("Europe/Berlin")
    at_half_past_two = Schedule(periods=(Period.DAY,), minute=150)
    assert names(at_half_past_two, datetime(2026, 3, 29, 3, 30, tzinfo=berlin), berlin) == ["2026-03-28"]
