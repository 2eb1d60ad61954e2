"""Budgets' alerts: parts of the limit, the hard limit, and the day of the crossing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.unit.alerts.conftest import AT, House, budget

from foreroute.alerts.budget_signals import budget_signals, crossing_words
from foreroute.alerts.values import Reason, Severity
from foreroute.core.findings import BudgetStatus
from foreroute.core.windows import Window

Make = Callable[..., House]
PARTS = (0.5, 0.8, 1.0)


def on(day: int, hour: int = 12) -> float:
    return datetime(2026, 11, day, hour, tzinfo=UTC).timestamp()


def monthly(**more: object) -> BudgetStatus:
    crossing = {"crossing_at": on(19), "crossing_earliest_at": on(17), "crossing_latest_at": on(22)}
    return replace(budget(40, 150), **({"alerts_at": PARTS} | crossing | more))  # type: ignore[arg-type] # as BudgetStatus says


def kinds(status: BudgetStatus) -> list[str]:
    return [one.labels["kind"] for one in budget_signals(status, AT)]


def test_the_day_of_the_crossing_is_said_with_its_interval() -> None:
    assert (
        crossing_words(monthly())
        == "you will cross the monthly budget on the 19th (80 % interval 17th to 22nd)"
    )
    late = monthly(
        crossing_at=on(1), crossing_earliest_at=on(1), crossing_latest_at=None, name="red", whose="team r"
    )
    assert crossing_words(late) == (
        "you will cross the monthly budget red of team r on the 1st (80 % interval 1st to the period's end or later)"
    )


@pytest.mark.parametrize(
    ("window", "zone", "said"),
    [
        (Window.WEEK, "UTC", "on Thursday (80 % interval Tuesday to Sunday)"),
        (Window.DAY, "Asia/Seoul", "at 21:00 (80 % interval 21:00 to 21:00)"),
        (Window.MONTH, "Asia/Seoul", "on the 19th"),
        (Window.MONTH, "Pacific/Auckland", "on the 20th"),
    ],
)
def test_moments_are_those_of_the_budgets_own_place(window: Window, zone: str, said: str) -> None:
    assert said in crossing_words(monthly(window=window, time_zone=zone))


def test_each_part_is_a_signal_and_the_configuration_says_which() -> None:
    assert kinds(monthly(crossing_at=None, projected_usd=Decimal(50))) == []
    assert kinds(monthly(spent_usd=Decimal(50))) == ["spent_50", "budget"]
    assert kinds(monthly(spent_usd=Decimal(90), forecast_alert=False)) == ["spent_50", "spent_80"]
    assert kinds(monthly(spent_usd=Decimal(90), alerts_at=(0.85,), forecast_alert=False)) == ["spent_85"]
    full = monthly(spent_usd=Decimal(120), hard_limit_usd=Decimal(120), at_limit="402")
    assert kinds(full) == ["spent_50", "spent_80", "spent_100", "hard_limit"]
    assert "refused with 402 until" in [one.summary for one in budget_signals(full, AT)][-1]


def test_a_part_is_told_once_and_the_next_one_takes_its_place(house: Make) -> None:
    it = house()
    told = []
    for spent in (40, 55, 60, 85, 85, 101, 101):
        told += it.tick(3, budgets=[monthly(spent_usd=Decimal(spent), forecast_alert=False)])
    firing = [
        alert.labels["kind"] for one in told if one.reason is not Reason.RESOLVED for alert in one.alerts
    ]
    assert firing.count("spent_50") == firing.count("spent_80") == firing.count("spent_100") == 1
    worst = max(it.alerts(), key=lambda alert: alert.severity.rank)
    assert (worst.labels["kind"], worst.severity) == ("spent_100", Severity.CRITICAL)


def test_the_end_of_a_period_resolves_it_and_says_so(house: Make) -> None:
    it = house()
    it.tick(3, budgets=[monthly(spent_usd=Decimal(55), forecast_alert=False)])
    assert [alert.labels["kind"] for alert in it.alerts()] == ["spent_50"]
    told = it.tick(30, budgets=[monthly(spent_usd=Decimal(1), forecast_alert=False)])
    assert [one.reason for one in told] == [Reason.RESOLVED]
    assert it.alerts() == []


def test_a_crossing_that_moves_by_days_is_one_alert(house: Make) -> None:
    it = house()
    told = []
    for day in (19, 18, 20, 19):
        told += it.tick(5, budgets=[monthly(crossing_at=on(day))])
    assert len([one for one in told if one.reason is Reason.FIRING]) == 1
    assert "on the 19th" in it.only().summary
