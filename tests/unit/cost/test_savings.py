"""Savings as money: what a relative difference is worth, net of what it costs, and when nothing may be said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.cost.savings import HOURS_A_MONTH, Measured, Outlay, Span, saved, savings

A_FIFTH = Span(-0.2, -0.3, -0.1)


def measured(change: Span | None = A_FIFTH, *, usd: float = 80.0) -> Measured:
    return Measured(requests=19_000, requests_control=1000, usd=usd, usd_control=5.0, change=change)


def outlay(**more: float) -> Outlay:
    return Outlay(**({"hours": HOURS_A_MONTH, "spent_usd": 85.0} | more))


def test_a_fifth_less_is_a_quarter_of_what_was_paid() -> None:
    found = savings((measured(),), outlay())
    assert found.gross is not None
    assert found.gross.value == pytest.approx(20.0)
    assert found.gross.lower == pytest.approx(80.0 / 0.9 - 80.0)
    assert found.gross.upper == pytest.approx(80.0 / 0.7 - 80.0)
    assert found.is_sure
    assert found.missing == ""


def test_net_is_after_probes_hedges_and_the_running_cost() -> None:
    found = savings((measured(),), outlay(probes_usd=1.0, hedges_usd=2.0, running_usd_per_month=7.0))
    assert found.net is not None
    assert found.net.value == pytest.approx(20.0 - 1.0 - 2.0 - 7.0)
    assert found.roi == pytest.approx(10.0 / 7.0)


def test_the_running_cost_is_that_of_the_time_measured() -> None:
    found = savings((measured(),), outlay(hours=73.0, running_usd_per_month=10.0))
    assert found.outlay.running_usd == pytest.approx(1.0)


def test_payback_is_the_setup_out_of_the_net_or_a_months_running_cost_out_of_the_gross() -> None:
    tenth = HOURS_A_MONTH / 10.0
    days = tenth / 24.0
    with_setup = savings((measured(),), outlay(hours=tenth, setup_usd=100.0, running_usd_per_month=50.0))
    assert with_setup.payback_days == pytest.approx(100.0 / ((20.0 - 5.0) / days))
    without = savings((measured(),), outlay(hours=tenth, running_usd_per_month=50.0))
    assert without.payback_days == pytest.approx(50.0 / (20.0 / days))
    assert savings((measured(),), outlay()).payback_days is None
    assert savings((measured(),), outlay(setup_usd=1.0, running_usd_per_month=99.0)).payback_days is None


def test_savings_are_never_above_what_was_spent() -> None:
    found = savings((measured(Span(-0.9, -0.95, -0.85)),), outlay())
    assert found.gross == Span(85.0, 85.0, 85.0)


def test_with_too_little_it_says_so_and_states_nothing() -> None:
    found = savings((measured(None),), outlay(running_usd_per_month=7.0))
    assert (found.gross, found.net, found.roi, found.payback_days) == (None, None, None, None)
    assert "1000 requests of the control" in found.missing
    assert "nothing is measured yet" in savings((), outlay()).missing


def test_stretches_add_up_and_one_that_is_too_short_is_said() -> None:
    found = savings((measured(), measured(None), measured(Span(0.0, -0.1, 0.1))), outlay(spent_usd=300.0))
    assert found.gross is not None
    assert found.gross.value == pytest.approx(20.0)
    assert found.missing


def test_dearer_is_a_loss() -> None:
    found = savings((measured(Span(0.25, 0.2, 0.3)),), outlay())
    assert found.gross is not None
    assert found.gross.value == pytest.approx(-16.0)
    assert found.is_sure


@given(change=st.floats(-0.99, 5.0), usd=st.floats(0.0, 1e6))
def test_what_was_saved_is_what_it_would_have_cost_less_what_it_did(change: float, usd: float) -> None:
    span = saved(measured(Span(change, change, change), usd=usd))
    assert (usd + span.value) * (1.0 + change) == pytest.approx(usd, rel=1e-6, abs=1e-6)
