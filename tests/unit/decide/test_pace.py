"""A budget's shadow price in decisions: who loses, how fast, why, and under whose leave."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.decide.test_decide import CHAT, GOOD, RAILS, A, B, C, D, share, snapshot

from foreroute.core.attempt import PickReason
from foreroute.core.decision import Autopilot, Capability, ReasonCode
from foreroute.core.findings import BudgetPace, BudgetStatus
from foreroute.core.ids import ChannelId, RouteName
from foreroute.decide.decide import decide
from foreroute.decide.pace import paced
from foreroute.decide.snapshot import ChannelState, Snapshot

USD = {A: "0.020", B: "0.008", C: "0.002", D: "0"}
STATES = {name: replace(GOOD, usd_per_request=Decimal(usd)) for name, usd in USD.items()}
EVEN = dict.fromkeys(USD, 0.25)


def at_price(price: float, **more: object) -> BudgetStatus:
    pace = BudgetPace(
        budget="monthly",
        price=price,
        spent_usd=Decimal(412),
        limit_usd=Decimal(1000),
        pace_usd=Decimal(380),
        **more,  # type: ignore[arg-type]
    )
    return BudgetStatus(
        name="monthly",
        period_start_at=0.0,
        period_end_at=1e6,
        limit_usd=Decimal(1000),
        spent_usd=Decimal(412),
        projected_usd=Decimal(1100),
        projected_lower_usd=Decimal(1050),
        projected_upper_usd=Decimal(1200),
        steers=False,
        pace=pace,
    )


def pressed(price: float, **more: object) -> Snapshot:
    return snapshot(STATES, budgets=(at_price(price, **more),))


def shares(price: float) -> dict[ChannelId, float]:
    budget = at_price(price)
    assert budget.pace is not None
    return paced(EVEN, pressed(price), [budget.pace], RAILS)


@given(st.floats(min_value=0.0, max_value=20.0), st.floats(min_value=0.0, max_value=20.0))
def test_a_higher_price_never_costs_more_and_shares_stay_shares(one: float, other: float) -> None:
    low, high = sorted((one, other))

    def usd(found: dict[ChannelId, float]) -> float:
        return sum(part * float(USD[name]) for name, part in found.items())

    assert math.fsum(shares(low).values()) == pytest.approx(1.0)
    assert all(part >= RAILS.share_floor - 1e-9 for part in shares(high).values())
    assert usd(shares(high)) <= usd(shares(low)) + 1e-12


def test_without_a_price_nothing_moves_and_without_known_costs_neither() -> None:
    assert not decide(pressed(0.0), RAILS).changes
    assert not decide(snapshot({}, budgets=(at_price(3.0),)), RAILS).changes


def test_dear_channels_lose_within_the_guardrails_and_the_reason_has_the_evidence() -> None:
    decision = decide(pressed(1.0), RAILS)
    assert share(decision, A) < share(decision, B) < 0.25 < share(decision, C) < share(decision, D)
    assert abs(share(decision, A) - 0.25) <= RAILS.share_step_max + 1e-9
    lost = next(change for change in decision.changes if change.channel == A)
    assert lost.reason.code is ReasonCode.BUDGET_PACE
    for evidence in (
        "$412.00 of $1000.00 spent",
        "$380.00 would be an even pace",
        "shadow price 1.00",
        "$0.0200",
    ):
        assert evidence in lost.reason.detail
    assert decision.plan.routes[CHAT].reason is PickReason.BUDGET


def test_a_budget_of_another_route_or_channel_presses_there_alone() -> None:
    assert not decide(pressed(2.0, route=RouteName("other")), RAILS).changes
    decision = decide(pressed(2.0, channels=(B,)), RAILS)
    assert share(decision, B) < 0.25
    assert share(decision, A) == pytest.approx(share(decision, D)), "their costs are nobody's business"


@pytest.mark.parametrize("stage", [Autopilot.OBSERVE, Autopilot.SUGGEST])
def test_before_its_stage_lets_it_act_it_only_says_what_it_would_do(stage: Autopilot) -> None:
    held = replace(pressed(1.0), stages={Capability.BUDGET: stage})
    decision = decide(held, RAILS)
    assert share(decision, A) == 0.25
    [proposal] = decision.proposals
    assert (proposal.capability, proposal.stage) == (Capability.BUDGET, stage)


def test_trouble_goes_before_thrift() -> None:
    """A cheap channel that fails does not get traffic because it is cheap."""
    failing = ChannelState(now_s=0.3, failure_ratio=0.9, judged=50, usd_per_request=Decimal(0))
    decision = decide(snapshot(STATES | {D: failing}, budgets=(at_price(1.0),)), RAILS)
    assert share(decision, D) < 0.25
