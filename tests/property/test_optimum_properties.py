"""The optimum against brute force: a fine grid of all shares of two classes among three channels."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreroute.core.optimum import Promise
from foreroute.cost.linear_highs import optimise
from foreroute.cost.programme import Capacity, Choice, Programme, RequestClass

pytest.importorskip("scipy")
NAMES = ("a", "b", "c")
STEPS = 12
GRID = np.array([(i, j, STEPS - i - j) for i in range(STEPS + 1) for j in range(STEPS + 1 - i)]) / STEPS
PAIRS = np.array([np.concatenate(pair) for pair in itertools.product(GRID, GRID)])
RATIO = st.integers(0, 20).map(lambda n: n / 20)


@st.composite
def programmes(draw, *, budget: bool = True):
    def choice(name: str) -> Choice:
        return Choice(
            channel=name,
            usd=draw(st.integers(1, 9)) / 100,
            latency_s=draw(st.integers(1, 9)) / 2,
            late_ratio=draw(st.integers(0, 4)) / 40,
            success=draw(st.integers(16, 20)) / 20,
            quality=draw(st.sampled_from([0.5, 1.0])),
            region=draw(st.sampled_from(["eu", "us"])),
        )

    classes = [
        RequestClass(
            name=f"class {n}",
            requests_per_minute=draw(st.integers(1, 20)),
            tokens_per_request=100.0,
            choices=tuple(choice(name) for name in NAMES),
            success_min=draw(st.sampled_from([0.0, 0.9])),
            quality_min=draw(st.sampled_from([0.0, 0.0, 0.8])),
            regions=frozenset(draw(st.sampled_from([(), (), ("eu",)]))),
        )
        for n in range(2)
    ]
    capacities = {
        name: Capacity(draw(st.none() | st.integers(2, 30)), draw(st.none() | st.integers(200, 3000)))
        for name in NAMES
    }
    limit = draw(st.none() | st.integers(10, 100)) if budget else None
    return Programme(
        classes=classes, capacities=capacities, usd_per_hour_max=limit, fastest=draw(st.booleans())
    )


def judged(asked: Programme, x: np.ndarray, slack: float = 1e-9) -> np.ndarray:
    """Which rows of shares (six columns) keep every promise: written down anew, from what the promises say."""
    fine = np.ones(len(x), dtype=bool)
    requests: dict[str, Any] = dict.fromkeys(NAMES, 0.0)
    tokens: dict[str, Any] = dict.fromkeys(NAMES, 0.0)
    for n, one in enumerate(asked.classes):
        mine = x[:, 3 * n : 3 * n + 3]
        fine &= mine @ [c.late_ratio for c in one.choices] <= one.late_max + slack
        fine &= mine @ [c.success for c in one.choices] >= one.success_min - slack
        for place, c in enumerate(one.choices):
            banned = c.quality < one.quality_min or (one.regions and c.region not in one.regions)
            fine &= (mine[:, place] <= slack) | (not banned)
            requests[c.channel] = requests[c.channel] + mine[:, place] * one.requests_per_minute
            tokens[c.channel] = (
                tokens[c.channel] + mine[:, place] * one.requests_per_minute * one.tokens_per_request
            )
    for name, capacity in asked.capacities.items():
        for bound, used in ((capacity.requests_per_minute, requests), (capacity.tokens_per_minute, tokens)):
            if bound is not None:
                fine &= used[name] <= bound * (1 + slack) + slack
    if asked.usd_per_hour_max is not None:
        fine &= costs(asked, x) <= asked.usd_per_hour_max * (1 + slack)
    return fine


def costs(asked: Programme, x: np.ndarray) -> np.ndarray:
    per = [60 * one.requests_per_minute * c.usd for one in asked.classes for c in one.choices]
    return np.asarray(x @ np.array(per))


def latencies(asked: Programme, x: np.ndarray) -> np.ndarray:
    total = sum(one.requests_per_minute for one in asked.classes)
    per = [one.requests_per_minute / total * c.latency_s for one in asked.classes for c in one.choices]
    return np.asarray(x @ np.array(per))


def vector(found) -> np.ndarray:
    return np.array([[found.shares[f"class {n}"].get(name, 0.0) for n in range(2) for name in NAMES]])


@settings(max_examples=150, deadline=None)
@given(programmes())
def test_no_point_of_the_grid_is_better_and_none_is_feasible_when_it_says_so(asked):
    found, fine = optimise(asked), judged(asked, PAIRS)
    if not found.feasible:
        assert not fine.any()
        assert found.concessions
        return
    x = vector(found)
    assert judged(asked, x, slack=1e-6).all()
    for shares in found.shares.values():
        assert sum(shares.values()) == pytest.approx(1.0)
    goal = latencies if asked.fastest else costs
    reached = found.mean_latency_s if asked.fastest else found.usd_per_hour
    assert reached == pytest.approx(float(goal(asked, x)[0]), rel=1e-6, abs=1e-9)
    if fine.any():
        assert reached <= goal(asked, PAIRS[fine]).min() * (1 + 1e-6) + 1e-9


@settings(max_examples=100, deadline=None)
@given(programmes())
def test_with_its_concessions_made_there_is_a_solution(asked):
    found = optimise(asked)
    if found.feasible:
        assert not found.concessions
        return
    if any(one.promise in (Promise.QUALITY, Promise.RESIDENCY) for one in found.concessions):
        return
    assert optimise(conceded(asked, found.concessions)).feasible


def conceded(asked: Programme, concessions) -> Programme:
    classes, capacities, budget = (
        {c.name: c for c in asked.classes},
        dict(asked.capacities),
        asked.usd_per_hour_max,
    )
    for one in concessions:
        more = one.needed * (1 + 1e-6)
        match one.promise:
            case Promise.LATENCY:
                classes[one.of] = dataclasses.replace(classes[one.of], late_max=min(1.0, more))
            case Promise.AVAILABILITY:
                classes[one.of] = dataclasses.replace(classes[one.of], success_min=one.needed * (1 - 1e-6))
            case Promise.REQUESTS:
                capacities[one.of] = dataclasses.replace(capacities[one.of], requests_per_minute=more)
            case Promise.TOKENS:
                capacities[one.of] = dataclasses.replace(capacities[one.of], tokens_per_minute=more)
            case Promise.BUDGET:
                budget = more
    return dataclasses.replace(
        asked, classes=list(classes.values()), capacities=capacities, usd_per_hour_max=budget
    )


@settings(max_examples=60, deadline=None)
@given(programmes(budget=False))
def test_the_dual_has_no_better_latency_at_the_cheapest_cost(asked):
    """The best latency under exactly the least cost is at least as good as the cheapest solution's own."""
    cheapest = optimise(dataclasses.replace(asked, fastest=False))
    if cheapest.feasible:
        budget = cheapest.usd_per_hour * (1 + 1e-6)
        fastest = optimise(dataclasses.replace(asked, fastest=True, usd_per_hour_max=budget))
        assert fastest.feasible
        assert fastest.mean_latency_s <= cheapest.mean_latency_s * (1 + 1e-4) + 1e-9
        assert fastest.usd_per_hour <= budget * (1 + 1e-6)


def one_class(**more) -> Programme:
    choices = (
        Choice(channel="cheap", usd=0.01, latency_s=2.0, late_ratio=0.2, quality=0.7, region="us"),
        Choice(channel="quick", usd=0.03, latency_s=1.0, late_ratio=0.0, quality=0.9, region="eu"),
    )
    parts: dict[str, Any] = {"name": "chat", "requests_per_minute": 10.0, "choices": choices} | more
    return Programme(classes=[RequestClass(**parts)])


def test_a_quarter_of_slow_requests_may_go_where_it_is_cheap():
    found = optimise(one_class())
    assert found.shares == {"chat": {"cheap": pytest.approx(0.25), "quick": pytest.approx(0.75)}}
    assert found.usd_per_hour == pytest.approx(600 * (0.25 * 0.01 + 0.75 * 0.03))
    (price,) = found.shadow_prices
    assert (price.promise, price.of) == (Promise.LATENCY, "chat")
    # 1 % more late requests let 5 % more go to the cheap one: 600 × 0.05 × 0.02 = 0.6 dollars an hour.
    assert price.per_unit * 0.01 == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("more", "promise", "bound", "needed"),
    [
        ({"quality_min": 0.95}, Promise.QUALITY, 0.95, 0.9),
        ({"regions": frozenset({"mars"})}, Promise.RESIDENCY, 0.0, 1.0),
        ({"quality_min": 0.0, "regions": frozenset({"us"})}, Promise.LATENCY, 0.05, 0.2),
    ],
)
def test_what_must_give_is_named_with_how_much(more, promise, bound, needed):
    found = optimise(one_class(**more))
    assert not found.feasible
    (one,) = found.concessions
    assert (one.promise, one.of) == (promise, "chat")
    assert one.bound == pytest.approx(bound)
    assert one.needed == pytest.approx(needed)


def test_a_negative_price_is_refused():
    with pytest.raises(ValueError, match="zero or more"):
        one_class(choices=(Choice(channel="a", usd=-1.0, latency_s=1.0),))


def test_nothing_to_share_out_is_shared_out():
    assert optimise(Programme(classes=[])).feasible
