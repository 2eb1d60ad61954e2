"""Near users first, health and room before that: what a balance always keeps, and what it does in plain cases."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from foreroute.core.ids import ChannelId, RegionId
from foreroute.regions.balance import Balance, BalanceSettings, Place, Site, balanced

EU, US, AP = RegionId("eu"), RegionId("us"), RegionId("ap")
NEAR = {EU: 0.01, US: 0.08, AP: 0.21}
OF_US = {EU: 0.08, US: 0.01, AP: 0.15}
RULES = BalanceSettings(use_max=1.0)


def place(region: RegionId, health: float = 1.0, capacity: float | None = None, weight: float = 1.0) -> Place:
    return Place(
        channel=ChannelId(f"{region}-1"),
        region=region,
        weight=weight,
        health=health,
        capacity_per_minute=capacity,
    )


def site(region: RegionId = EU, demand: float = 100.0, delay_s: dict[RegionId, float] | None = None) -> Site:
    return Site(region=region, demand_per_minute=demand, delay_s=delay_s or NEAR)


def shares(found: Balance, region: RegionId = EU) -> dict[str, float]:
    return {channel: round(share, 6) for channel, share in found.shares[region].items()}


def test_everybody_is_served_at_the_nearest_while_it_is_well() -> None:
    found = balanced([site(), site(US, delay_s=OF_US)], [place(EU), place(US), place(AP)])
    assert shares(found) == {"eu-1": 1.0}
    assert shares(found, US) == {"us-1": 1.0}
    assert not found.spills


@pytest.mark.parametrize(("health", "stays"), [(1.0, 1.0), (0.72, 1.0), (0.5, 0.7), (0.25, 0.35), (0.0, 0.0)])
def test_what_a_level_cannot_carry_flows_on(health: float, stays: float) -> None:
    found = balanced([site()], [place(EU, health), place(US), place(AP)])
    assert found.shares[EU].get(ChannelId("eu-1"), 0.0) == pytest.approx(stays)
    assert found.shares[EU].get(ChannelId("us-1"), 0.0) == pytest.approx(1.0 - stays)
    assert "ap-1" not in found.shares[EU]


def test_where_too_few_are_well_all_of_them_serve() -> None:
    found = balanced([site()], [place(EU, 0.1), place(US, 0.1), place(AP, 0.1)])
    assert found.panic == {EU}
    assert sum(found.shares[EU].values()) == pytest.approx(1.0)
    assert set(found.shares[EU]) == {"eu-1", "us-1", "ap-1"}


def test_who_loses_least_makes_room() -> None:
    """Europe has room for 150: the Americans, who are nearly as near to their own, go there and not the Europeans."""
    delays = {EU: 0.08, US: 0.09, AP: 0.2}
    found = balanced(
        [site(demand=100), site(US, 100, delays)], [place(EU, capacity=150), place(US, capacity=500), place(AP)],
        BalanceSettings(use_max=1.0, same_delay_s=0.0),
    )  # fmt: skip
    assert shares(found) == {"eu-1": 1.0}
    assert shares(found, US) == {"eu-1": 0.5, "us-1": 0.5}
    assert [(one.site, one.source, one.target, round(one.per_minute)) for one in found.spills] == [
        (US, EU, US, 50)
    ]


def test_demand_that_nobody_has_room_for_is_told() -> None:
    found = balanced(
        [site(demand=100)], [place(EU, capacity=30), place(US, capacity=30), place(AP, capacity=30)], RULES
    )
    assert found.overflow_per_minute == pytest.approx(10)
    assert sum(found.shares[EU].values()) == pytest.approx(1.0)


def test_a_region_that_is_not_named_is_never_used() -> None:
    found = balanced(
        [site(demand=100, delay_s={EU: 0.01, AP: 0.2})], [place(EU, 0.0), place(US), place(AP, capacity=1)]
    )
    assert set(found.shares[EU]) == {"ap-1"}


def test_without_any_channel_there_is_no_share() -> None:
    assert balanced([site()], []).shares == {EU: {}}


def test_regions_as_near_as_each_other_share_by_weight() -> None:
    found = balanced([site(delay_s={EU: 0.010, US: 0.025})], [place(EU, weight=3.0), place(US, weight=1.0)])
    assert shares(found) == {"eu-1": 0.75, "us-1": 0.25}


REGIONS = [RegionId(name) for name in "abcd"]
places_of = st.lists(
    st.builds(
        lambda number, region, weight, health, capacity: Place(
            channel=ChannelId(f"{region}{number}"), region=region, weight=weight, health=health, capacity_per_minute=capacity
        ),
        st.integers(0, 2),
        st.sampled_from(REGIONS),
        st.sampled_from((0.0, 0.5, 1.0, 3.0)),
        st.sampled_from((0.0, 0.3, 0.8, 1.0)),
        st.sampled_from((None, 5.0, 50.0, 500.0)),
    ),
    max_size=8,
    unique_by=lambda one: one.channel,
)  # fmt: skip
sites_of = st.lists(
    st.builds(
        lambda region, demand, delays: Site(
            region=region, demand_per_minute=demand, delay_s=dict(zip(REGIONS, delays, strict=True))
        ),
        st.sampled_from(REGIONS),
        st.sampled_from((0.0, 1.0, 40.0, 300.0)),
        st.tuples(*[st.floats(0.001, 0.4)] * 4),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.region,
)


@settings(max_examples=400, deadline=None)
@given(sites=sites_of, places=places_of)
def test_a_balance_is_whole_and_keeps_to_what_there_is(sites: list[Site], places: list[Place]) -> None:
    found = balanced(sites, places, RULES)
    by_id = {one.channel: one for one in places}
    for one in sites:
        mine = found.shares[one.region]
        able = [place for place in places if place.weight > 0]
        assert not mine or sum(mine.values()) == pytest.approx(1.0)
        assert bool(mine) == bool(able)
        for channel, share in mine.items():
            assert share > 0
            assert by_id[channel].weight > 0
            if not found.panic:
                assert by_id[channel].health > 0
    if found.panic:
        return
    loads = dict.fromkeys(REGIONS, 0.0)
    for one in sites:
        for channel, share in found.shares[one.region].items():
            loads[by_id[channel].region] += share * one.demand_per_minute
    over = 0.0
    for region, load in loads.items():
        mine_there = [place for place in places if place.region == region and place.weight > 0]
        if any(place.capacity_per_minute is None for place in mine_there):
            continue
        over += max(
            0.0,
            load - sum(math.prod((place.capacity_per_minute or 0.0, place.health)) for place in mine_there),
        )
    assert over == pytest.approx(found.overflow_per_minute, abs=1e-3)


@settings(max_examples=200, deadline=None)
@given(sites=sites_of, capacities=st.tuples(*[st.floats(10.0, 400.0)] * 4))
def test_moving_the_least_loss_first_is_the_best_there_is(
    sites: list[Site], capacities: tuple[float, ...]
) -> None:
    """Against the transport problem's optimum by linear programming."""
    wanted = sum(one.demand_per_minute for one in sites)
    if wanted <= 0 or sum(capacities) < wanted:
        return
    places = [
        Place(channel=ChannelId(region), region=region, weight=1.0, capacity_per_minute=capacity)
        for region, capacity in zip(REGIONS, capacities, strict=True)
    ]
    found = balanced(sites, places, BalanceSettings(use_max=1.0, same_delay_s=0.0))
    cost = sum(
        share * one.demand_per_minute * one.delay_s[RegionId(channel)]
        for one in sites
        for channel, share in found.shares[one.region].items()
    )
    n, m = len(sites), len(REGIONS)
    demand, room = np.zeros((n, n * m)), np.zeros((m, n * m))
    for i in range(n):
        demand[i, i * m : (i + 1) * m] = 1.0
        room[:, i * m : (i + 1) * m] = np.eye(m)
    best = linprog(
        [one.delay_s[region] for one in sites for region in REGIONS],
        A_ub=room, b_ub=capacities, A_eq=demand, b_eq=[one.demand_per_minute for one in sites],
    )  # fmt: skip
    assert cost == pytest.approx(best.fun, rel=1e-4, abs=1e-4)
    assert found.overflow_per_minute == 0.0
