"""When a budget is crossed: a steady stream of spend crosses at an instant that anybody can work out."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.budgets import ScopedBudget
from foreroute.core.ids import KeyId
from foreroute.core.keys import Budget, KeyBook, Limits, Team, TeamId, VirtualKey
from foreroute.core.ledger import Metered, SpendCell, SpendGroup
from foreroute.core.windows import Window
from foreroute.cost.budget_list import Owned, budgets_of, heading
from foreroute.cost.calendar import Period, period_of
from foreroute.cost.crossing import Crossing, crossing
from foreroute.cost.outlook import HOUR_S
from foreroute.cost.period_forecast import Hours, PeriodForecast, period_forecast

AT = datetime(2026, 11, 18, 15, 0, tzinfo=UTC).timestamp()
DAY_S = 86_400.0


def steady(days: int = 8, *, key: str = "", team: str = "") -> Hours:
    """A dollar an hour, of a hundred attempts."""
    end = AT // HOUR_S * HOUR_S
    starts = [end - HOUR_S * n for n in range(days * 24, 0, -1)]
    one = Metered(attempts=100, cost_usd=Decimal(1), input_tokens=100)
    group = SpendGroup("a", route="chat", key=key, team=team)
    return Hours.of([SpendCell(start, start + HOUR_S, group, one) for start in starts], starts)


def month(hours: Hours, spent: int) -> PeriodForecast:
    window = period_of(Period.MONTH, AT, UTC)
    cell = SpendCell(
        window.start_at, AT, SpendGroup("a"), Metered(attempts=100 * spent, cost_usd=Decimal(spent))
    )
    return period_forecast(window, AT, hours, [cell], lambda _, __: None)


def test_a_dollar_an_hour_crosses_after_as_many_hours():
    found = crossing(Decimal(450), month(steady(days=20), spent=400))
    assert found.expected_at == pytest.approx(AT + 50 * HOUR_S, abs=60)
    assert found.earliest_at == pytest.approx(found.expected_at, abs=60)
    assert found.latest_at == pytest.approx(found.expected_at, abs=60)


def test_a_budget_that_is_not_reached_has_no_day():
    assert crossing(Decimal(10_000), month(steady(), spent=400)) == Crossing(None, None, None)


def test_a_budget_that_is_spent_is_crossed_now():
    assert crossing(Decimal(400), month(steady(), spent=400)) == Crossing(AT, AT, AT)


def test_with_little_history_the_interval_may_reach_beyond_the_end():
    found = crossing(Decimal(600), month(steady(days=1), spent=400))
    assert found.expected_at is not None
    assert found.earliest_at is not None
    assert found.earliest_at < found.expected_at
    assert found.latest_at is None or found.latest_at > found.expected_at


@given(st.integers(1, 900), st.integers(1, 6), st.floats(0, 3599))
def test_earliest_expected_and_latest_are_in_order_and_in_the_period(room, days, late):
    window = period_of(Period.MONTH, AT, UTC)
    found = crossing(Decimal(room), period_forecast(window, AT + late, steady(days), [], lambda _, __: None))
    known = [one for one in (found.earliest_at, found.expected_at, found.latest_at) if one is not None]
    assert known == sorted(known)
    assert all(AT + late <= one <= window.end_at for one in known)
    if found.expected_at is None:
        assert found.latest_at is None


def test_every_budget_is_listed_and_counts_its_own():
    hard = Limits(budgets=(Budget(Decimal(5), Window.DAY), Budget(Decimal(9), Window.TOTAL, hard=False)))
    key = VirtualKey(id=KeyId("k"), name="Ann", salt=b"", digest=b"", hint="", limits=hard, created_at=0.0)
    gone = VirtualKey(
        id=KeyId("g"), name="Gone", salt=b"", digest=b"", hint="", limits=hard, created_at=0.0, deleted_at=1.0
    )
    team = Team(
        id=TeamId("t"), name="Red", limits=Limits(budgets=(Budget(Decimal(50), Window.WEEK),)), created_at=0.0
    )
    limits = [ScopedBudget(name="monthly", limit_usd=Decimal(100))]
    found = budgets_of(limits, KeyBook((key, gone), (team,)), AT)
    assert [(one.name, one.scope, one.window, one.hard) for one in found] == [
        ("monthly", "all", Window.MONTH, False),
        ("Red", "team t", Window.WEEK, True),
        ("Ann", "key k", Window.DAY, True),
        ("Ann", "key k", Window.TOTAL, False),
    ]
    owned = Owned(steady(key="k", team="t"))
    spent = [
        SpendCell(AT - HOUR_S, AT, SpendGroup("a", key="k"), Metered(attempts=1, cost_usd=Decimal(2))),
        SpendCell(AT - HOUR_S, AT, SpendGroup("a", key="other"), Metered(attempts=1, cost_usd=Decimal(40))),
    ]
    everybody, _, daily, in_total = (
        heading(one, AT, owned.of(one), spent, lambda _, __: None) for one in found
    )
    assert everybody.spent_usd == 42
    assert daily.spent_usd == in_total.spent_usd == 2
    assert daily.crossing is not None
    assert daily.crossing.expected_at == pytest.approx(AT + 3 * HOUR_S, abs=60)
    assert in_total.forecast is None
