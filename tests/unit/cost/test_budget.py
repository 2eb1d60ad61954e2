from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.errors import ConfigError
from foreroute.core.ledger import Spend
from foreroute.cost.budget import BudgetSettings, budget_status, period_bounds, period_start

DAY = 86_400.0
SETTINGS = BudgetSettings(name="team", limit_usd=Decimal(300))


def instant(year: int, month: int, day: int, hour: int = 0, zone: str = "UTC") -> float:
    return datetime(year, month, day, hour, tzinfo=ZoneInfo(zone)).timestamp()


def spend(usd: int | Decimal, attempts: int = 1000, unpriced: int = 0) -> Spend:
    return Spend(attempts=attempts, cost_usd=Decimal(usd), unpriced_attempts=unpriced)


def test_a_month_is_a_calendar_month_in_the_budgets_time_zone():
    seoul = BudgetSettings(name="kr", limit_usd=Decimal(1), time_zone="Asia/Seoul")
    at = instant(2026, 11, 30, 16)  # already December in Seoul
    assert period_bounds(seoul, at) == (
        instant(2026, 12, 1, zone="Asia/Seoul"),
        instant(2027, 1, 1, zone="Asia/Seoul"),
    )
    assert period_start(SETTINGS, at) == instant(2026, 11, 1)


def test_a_month_with_a_clock_change_is_an_hour_longer_or_shorter():
    berlin = BudgetSettings(name="de", limit_usd=Decimal(1), time_zone="Europe/Berlin")
    start, end = period_bounds(berlin, instant(2026, 10, 10))
    assert end - start == 31 * DAY + 3600


@given(st.floats(0, 4e9), st.sampled_from(["UTC", "Asia/Seoul", "America/New_York", "Europe/Berlin"]))
def test_every_instant_is_in_its_own_period(at, zone):
    settings = BudgetSettings(name="b", limit_usd=Decimal(1), time_zone=zone)
    start, end = period_bounds(settings, at)
    assert start <= at < end
    assert period_bounds(settings, end)[0] == end


def test_the_run_rate_of_the_last_day_fills_the_rest_of_the_month():
    status = budget_status(
        SETTINGS, at=instant(2026, 11, 21), spent=spend(200), recent=spend(12), recent_s=DAY
    )
    assert status.spent_usd == 200
    assert status.projected_usd == 200 + 10 * 12
    assert status.overrun_expected
    assert status.projected_lower_usd < 320 < status.projected_upper_usd


def test_little_observation_widens_the_interval_and_too_little_holds_the_projection():
    at = instant(2026, 11, 1, 1)
    hour = budget_status(SETTINGS, at=at, spent=spend(1, 50), recent=spend(1, 50), recent_s=3600)
    day = budget_status(SETTINGS, at=at, spent=spend(1, 50), recent=spend(24, 1200), recent_s=DAY)
    assert hour.projected_usd == day.projected_usd
    assert hour.projected_upper_usd > day.projected_upper_usd
    assert hour.projected_lower_usd == 1  # it may as well stop now
    minute = budget_status(SETTINGS, at=at, spent=spend(1, 50), recent=spend(1, 50), recent_s=60)
    assert minute.projected_usd == minute.spent_usd == minute.projected_lower_usd
    assert minute.projected_upper_usd > hour.projected_upper_usd


def test_no_traffic_projects_no_further_spend():
    status = budget_status(
        SETTINGS, at=instant(2026, 11, 21), spent=spend(5), recent=spend(0, 0), recent_s=DAY
    )
    assert status.projected_usd == status.projected_upper_usd == 5
    nothing = budget_status(SETTINGS, at=instant(2026, 11, 1), spent=Spend(), recent=Spend(), recent_s=0.0)
    assert nothing.projected_usd == 0


def test_unpriced_attempts_are_counted_not_guessed():
    status = budget_status(
        SETTINGS, at=instant(2026, 11, 21), spent=spend(5, 10, 4), recent=spend(5, 10, 10), recent_s=DAY
    )
    assert status.unpriced_attempts == 4


_USD = st.decimals(0, 10**6, places=4)


@given(_USD, _USD, _USD, _USD, st.floats(0, 29.9), st.floats(60, DAY))
def test_more_spend_never_projects_less(spent, more_spent, recent, more_recent, days, recent_s):
    at = instant(2026, 11, 1) + days * DAY
    low = budget_status(SETTINGS, at=at, spent=spend(spent), recent=spend(recent), recent_s=recent_s)
    high = budget_status(
        SETTINGS,
        at=at,
        spent=spend(spent + more_spent),
        recent=spend(recent + more_recent),
        recent_s=recent_s,
    )
    assert low.projected_usd <= high.projected_usd
    assert low.projected_lower_usd <= high.projected_lower_usd
    assert low.projected_upper_usd <= high.projected_upper_usd
    assert low.spent_usd <= low.projected_lower_usd <= low.projected_usd <= low.projected_upper_usd


@pytest.mark.parametrize("limit", ["0", "-5", "NaN"])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(ConfigError, match="has a limit of"):
        BudgetSettings(name="b", limit_usd=Decimal(limit))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd"])
def test_an_unknown_time_zone_is_refused(zone):
    with pytest.raises(ConfigError, match="unknown time zone"):
        BudgetSettings(name="b", limit_usd=Decimal(1), time_zone=zone)
