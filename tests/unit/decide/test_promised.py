"""A budget's pace beside an optimum: it may be thrifty, and breaks no promise that was kept without it."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.decide.test_aim import (
    AIM,
    CHEAP,
    DEAR,
    GOOD,
    RAILS,
    SPARE,
    aims,
    settle,
    shares,
    snapshot,
)
from tests.unit.decide.test_pace import at_price

from foreroute.core.decision import ReasonCode
from foreroute.core.ids import ChannelId
from foreroute.core.optimum import Aim
from foreroute.decide.decide import decide
from foreroute.decide.promised import kept
from foreroute.decide.snapshot import Snapshot

NAMES = (DEAR, CHEAP, SPARE)
PARTS = st.tuples(*[st.floats(0.0, 1.0)] * 3).filter(lambda one: sum(one) > 0.01)
ROOMY = replace(AIM, missed_ratio={DEAR: 0.01, CHEAP: 0.055})
STATES = {
    DEAR: replace(GOOD, usd_per_request=Decimal("0.010")),
    CHEAP: replace(GOOD, usd_per_request=Decimal("0.004")),
    SPARE: GOOD,
}


def whole(parts: tuple[float, ...]) -> dict[ChannelId, float]:
    return {name: part / sum(parts) for name, part in zip(NAMES, parts, strict=True)}


def pressed(price: float, aim: Aim = ROOMY, **more: object) -> Snapshot:
    return snapshot(channels=STATES, budgets=(at_price(price),), aims=aims(aim), **more)


@given(PARTS, PARTS, PARTS, PARTS, st.sets(st.sampled_from(NAMES), max_size=2))
def test_no_promise_is_broken_that_is_kept_without_it(base, wished, missed, room, barred) -> None:
    aim = Aim(
        shares={},
        usd_per_hour={},
        late_ratio={},
        missed_ratio=dict(zip(NAMES, missed, strict=True)),
        room=dict(zip(NAMES, room, strict=True)),
        barred=frozenset(barred),
    )
    before, wish = whole(base), whole(wished)
    found, _ = kept(before, wish, aim)
    assert math.fsum(found.values()) == pytest.approx(1.0)
    was = sum(share * aim.missed_ratio[name] for name, share in before.items())
    now = sum(share * aim.missed_ratio[name] for name, share in found.items())
    assert now <= max(aim.late_max, was) + 1e-9
    for name, share in found.items():
        room_left = 0.0 if name in barred else aim.room[name]
        assert -1e-9 <= share <= max(room_left, before[name]) + 1e-6


@given(PARTS, PARTS)
def test_without_an_optimum_or_with_room_the_wish_is_what_it_was(base, wished) -> None:
    before, wish = whole(base), whole(wished)
    assert kept(before, wish, None) == (wish, "")
    free = Aim(shares={}, usd_per_hour={}, late_ratio={}, missed_ratio=dict.fromkeys(NAMES, 0.0))
    found, held = kept(before, wish, free)
    assert found == pytest.approx(wish)
    assert held == ""


def test_a_budget_may_spend_the_hundred_and_ten_per_cent_and_stops_at_the_objective() -> None:
    """The optimum is held at 0.8 by the percentile of the configured weights; the objective allows 8 / 9."""
    _, decision = settle(pressed(0.0))
    assert shares(decision)[CHEAP] == pytest.approx(0.8)
    _, decision = settle(pressed(15.0), 12)
    assert shares(decision)[CHEAP] == pytest.approx(0.04 / 0.045, abs=1e-6)
    held = [one for one in decision.reasons if one.code is ReasonCode.GUARDRAIL and "budget" in one.detail]
    assert [one.detail for one in held] == [
        "chat: a budget's pace goes no further than the promises; held by latency"
    ]


def test_once_there_it_stays() -> None:
    state, _ = settle(pressed(15.0), 12)
    for _ in range(20):
        state = replace(state, aims=aims(ROOMY, solved_at=state.at))
        decision = decide(state, RAILS)
        assert decision.changes == ()
        state = replace(state, at=state.at + 60.0, current=decision.plan, pursued=decision.pursued)


def test_also_without_shares_that_keep_every_promise_it_makes_none_worse() -> None:
    late = replace(ROOMY, shares={}, missed_ratio={DEAR: 0.10, CHEAP: 0.40})
    state = replace(pressed(15.0, late), aims=aims(late, feasible=False, why="latency"))
    _, decision = settle(state, 12)
    assert shares(decision)[CHEAP] == pytest.approx(0.4)


def test_an_old_optimum_bounds_nothing() -> None:
    state = pressed(15.0, at=60.0 + RAILS.optimum_valid_s)
    _, decision = settle(state, 12)
    assert shares(decision)[CHEAP] > 0.9
