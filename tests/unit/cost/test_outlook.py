"""Cost forecasts: known futures, parts that add up, and no look ahead."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import Usage
from foreroute.core.ledger import Metered, SpendCell, SpendGroup
from foreroute.cost.calendar import Period, period_of
from foreroute.cost.outlook import HOUR_S, ahead, rest_of, shares
from foreroute.cost.period_forecast import Hours, period_forecast
from foreroute.cost.report import By

DAY = 100.0 + 80.0 * np.sin(np.arange(24) / 24 * 2 * np.pi)
AT = datetime(2026, 11, 18, 15, 0, tzinfo=UTC).timestamp()


def test_a_day_that_repeats_is_known():
    rest = rest_of(np.tile(DAY, 6)[:-9], 9.0)
    assert rest.mean == pytest.approx(DAY[-9:].sum())
    assert rest.lower == pytest.approx(rest.mean)
    assert rest.upper == pytest.approx(rest.mean)
    assert rest.error == pytest.approx(0.0, abs=1e-9)


def test_a_level_that_doubled_is_carried_on_and_fades():
    values = np.tile(DAY, 6)
    values[-3:] *= 2
    path = ahead(values, 48)
    usual = ahead(np.tile(DAY, 6), 48)
    assert path[0] > 1.6 * usual[0]
    assert path[47] < 1.2 * usual[47] * (1.0 + 1.0 / 16)  # three hours of one day are in the profile


def test_half_an_hour_is_half_of_its_hour():
    assert rest_of(np.full(96, 10.0), 0.5).mean == pytest.approx(5.0)
    assert rest_of(np.full(96, 10.0), 0.0).mean == 0.0


def test_without_history_nothing_is_expected_and_with_little_the_interval_is_wide():
    assert rest_of(np.array([]), 5.0).mean == 0.0
    rest = rest_of(np.array([4.0, 6.0]), 10.0)
    assert rest.mean == pytest.approx(50.0)
    assert rest.replays == 0
    assert rest.lower == 0.0
    assert rest.upper > 2 * rest.mean


@given(st.lists(st.floats(0, 1e6), max_size=200), st.floats(0, 800))
def test_a_forecast_is_finite_and_inside_its_interval(values, hours):
    rest = rest_of(np.array(values), hours)
    assert np.isfinite([rest.mean, rest.lower, rest.upper]).all()
    assert 0.0 <= rest.lower <= rest.mean <= rest.upper


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(0, 1e7))
def test_shares_add_up_to_the_whole(parts, whole):
    found = shares(parts, whole)
    assert sum(found) == pytest.approx(whole if sum(parts) > 0 else 0.0)


def history(days: int, *channels: str, unpriced: str = "") -> Hours:
    end = AT // HOUR_S * HOUR_S
    starts = [end - HOUR_S * n for n in range(days * 24, 0, -1)]
    cells = []
    for start in starts:
        for number, name in enumerate(channels, start=1):
            many = int(DAY[int(start // HOUR_S) % 24]) * number
            one = Metered(
                attempts=many,
                unpriced_attempts=many if name == unpriced else 0,
                cost_usd=Decimal(0) if name == unpriced else many * Decimal("0.01"),
                input_tokens=1000 * many,
                output_tokens=200 * many,
            )
            cells.append(SpendCell(start, start + HOUR_S, SpendGroup(name, route="chat"), one))
    return Hours.of(cells, starts)


def test_a_period_is_what_is_spent_and_what_is_to_come_and_its_parts_add_up():
    hours = history(6, "a", "b")
    window = period_of(Period.DAY, AT, UTC)
    spent = [cell for row in hours.cells for cell in row if cell.start_at >= window.start_at]
    found = period_forecast(window, AT, hours, spent, lambda _, __: None)
    a_day = sum(int(one) for one in DAY) * 3 * 0.01
    assert float(found.total.expected_usd) == pytest.approx(a_day, rel=1e-3)
    for parts in found.by.values():
        assert sum(part.expected_usd for part in parts) == pytest.approx(
            found.total.expected_usd, abs=Decimal("0.00001")
        )
        assert sum(part.spent_usd for part in parts) == found.total.spent_usd
    assert [part.name for part in found.by[By.CHANNEL]] == ["b", "a"]


def test_prices_of_today_count_for_what_is_to_come():
    hours, window = history(6, "a"), period_of(Period.DAY, AT, UTC)
    asked = []

    def dearer(channel: str, usage: Usage) -> Decimal:
        asked.append((channel, usage))
        return Decimal("0.02")

    plain = period_forecast(window, AT, hours, [], lambda _, __: None)
    now = period_forecast(window, AT, hours, [], dearer)
    assert float(now.total.expected_usd) == pytest.approx(2 * float(plain.total.expected_usd))
    assert asked[0] == ("a", Usage(1000, 0, 0, 200))


def test_a_channel_without_a_price_is_not_taken_for_free():
    hours, window = history(6, "a", "b", unpriced="b"), period_of(Period.DAY, AT, UTC)
    spent = [cell for row in hours.cells for cell in row if cell.start_at >= window.start_at]
    found = period_forecast(window, AT, hours, spent, lambda _, __: None)
    b = next(part for part in found.by[By.CHANNEL] if part.name == "b")
    assert b.usd_per_request is None
    assert b.unpriced_attempts > 0


def test_silent_hours_before_the_first_traffic_are_no_history():
    starts = [HOUR_S * n for n in range(10)]
    cell = SpendCell(starts[7], starts[8], SpendGroup("a"), Metered(attempts=1))
    assert len(Hours.of([cell], starts).cells) == 3
    assert Hours.of([], starts).cells == ()
