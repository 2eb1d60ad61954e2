"""The shadow price of a budget: never negative, never lower for more spend, zero when there is room."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.cost.pace import PaceRules, PaceSeen, PaceState, next_pace, rest_usd

DAY_S = 86_400.0
MONTH_S = 30 * DAY_S
RULES = PaceRules()
money = st.floats(min_value=0.0, max_value=1e6, allow_nan=False)


@st.composite
def looks(draw: st.DrawFn) -> tuple[PaceState, PaceSeen]:
    period_s = draw(st.sampled_from([3600.0, DAY_S, 7 * DAY_S, MONTH_S]))
    at = draw(st.floats(min_value=0.0, max_value=0.999)) * period_s
    state = PaceState(
        start_at=0.0,
        at=at * draw(st.floats(min_value=0.0, max_value=1.0)),
        price=draw(st.floats(min_value=0.0, max_value=RULES.price_max)),
        spent_usd=draw(money),
        recent_usd=draw(money),
        recent_expected_usd=draw(st.floats(min_value=0.0, max_value=1e6)),
    )
    seen = PaceSeen(
        at=at,
        start_at=0.0,
        end_at=period_s,
        limit_usd=draw(st.floats(min_value=0.01, max_value=1e6)),
        spent_usd=draw(money),
        expected_usd=draw(money),
        rest_usd=draw(money),
        free_ratio=draw(st.floats(min_value=0.5, max_value=50.0)),
    )
    return state, seen


@given(looks())
def test_the_price_is_never_negative_and_never_beyond_its_bound(look: tuple[PaceState, PaceSeen]) -> None:
    assert 0.0 <= next_pace(*look).price <= RULES.price_max


@given(looks(), st.floats(min_value=0.0, max_value=1e6))
def test_more_spend_never_makes_the_price_lower(look: tuple[PaceState, PaceSeen], more: float) -> None:
    state, seen = look
    dearer = replace(seen, spent_usd=seen.spent_usd + more)
    assert next_pace(state, dearer).price >= next_pace(state, seen).price - 1e-12


@given(looks())
def test_while_spending_without_any_pace_fits_no_price_appears_and_one_that_stood_falls(
    look: tuple[PaceState, PaceSeen],
) -> None:
    state, seen = look
    level = next_pace(state, seen)
    needed = rest_usd(level, seen) * max(1.0, seen.free_ratio)
    roomy = replace(seen, limit_usd=seen.spent_usd + needed / (1.0 - RULES.slack_ratio) * 1.01 + 1.0)
    assert next_pace(replace(state, price=0.0), roomy).price == 0.0
    assert next_pace(state, roomy).price <= state.price


@given(looks())
def test_a_look_moves_it_by_one_turn_at_most(look: tuple[PaceState, PaceSeen]) -> None:
    assert abs(next_pace(*look).price - look[0].price) <= 1.0 + 1e-9


def test_it_is_exactly_zero_soon_after_there_is_room_again() -> None:
    state = PaceState(start_at=0.0, at=10 * DAY_S, price=2.0, spent_usd=100.0)
    for minute in range(1, 24 * 60 + 2):
        at = 10 * DAY_S + 60.0 * minute
        seen = PaceSeen(
            at=at,
            start_at=0.0,
            end_at=MONTH_S,
            limit_usd=1000.0,
            spent_usd=100.0,
            expected_usd=0.1,
            rest_usd=200.0,
        )
        state = next_pace(state, seen)
    assert state.price == 0.0


def test_a_new_period_and_a_clock_that_went_back_begin_without_a_price() -> None:
    state = PaceState(start_at=0.0, at=DAY_S, price=3.0, spent_usd=50.0)
    seen = PaceSeen(
        at=MONTH_S + 60.0,
        start_at=MONTH_S,
        end_at=2 * MONTH_S,
        limit_usd=100.0,
        spent_usd=0.1,
        expected_usd=0.1,
        rest_usd=50.0,
    )
    assert next_pace(state, seen).price == 0.0
    back = replace(seen, start_at=0.0, end_at=MONTH_S, at=DAY_S - 60.0)
    assert next_pace(state, back).price == 0.0


def test_a_quiet_night_is_no_thrift_when_the_forecast_knew_of_it() -> None:
    state = PaceState(start_at=0.0, at=0.0)
    for hour in range(1, 8):
        seen = PaceSeen(
            at=3600.0 * hour,
            start_at=0.0,
            end_at=MONTH_S,
            limit_usd=700.0,
            spent_usd=0.01 * hour,
            expected_usd=0.01,
            rest_usd=1000.0,
        )
        state = next_pace(state, seen)
    assert state.level == pytest.approx(1.0)
    assert state.price > 0.1
