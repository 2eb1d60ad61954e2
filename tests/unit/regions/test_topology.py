import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.errors import ConfigError
from foreroute.core.ids import RegionId
from foreroute.regions.round_trips import _AREA_OF_PREFIX, _MS, typical_round_trip_s
from foreroute.regions.topology import Topology


def ids(*names: str) -> list[RegionId]:
    return [RegionId(name) for name in names]


def test_home_is_first_then_the_operators_round_trips():
    topology = Topology(
        ids("a", "b", "c"), RegionId("b"), round_trip_s={RegionId("a"): 0.09, RegionId("c"): 0.02}
    )
    assert topology.by_distance() == ("b", "c", "a")
    assert [topology.rank(region) for region in ids("a", "b", "c", "nowhere")] == [2, 0, 1, 3]
    assert topology.round_trip_s(RegionId("c")) == 0.02


def test_well_known_names_are_ordered_without_being_measured():
    regions = ids("ap-northeast-2", "us-east-1", "eu-west-1", "us-west-2", "on-premises")
    topology = Topology(regions, RegionId("us-west-2"))
    assert topology.by_distance() == (
        "us-west-2",
        "us-east-1",
        "ap-northeast-2",
        "eu-west-1",
        "on-premises",
    )
    assert topology.round_trip_s(RegionId("on-premises")) is None


def test_an_explicit_order_beats_every_round_trip():
    regions = ids("us-east-1", "us-west-2", "eu-west-1")
    topology = Topology(regions, RegionId("us-east-1"), near=ids("eu-west-1"))
    assert topology.by_distance() == ("us-east-1", "eu-west-1", "us-west-2")


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"home": RegionId("us-eats-1")}, "unknown home region: 'us-eats-1'", "did you mean us-east-1"),
        ({"near": ids("eu-west-2")}, "unknown region in near", "did you mean eu-west-1"),
        (
            {"round_trip_s": {RegionId("moon"): 1.3}},
            "unknown region of a round trip: 'moon'",
            "known: us-east-1",
        ),
        ({"round_trip_s": {RegionId("eu-west-1"): -1.0}}, "round trip to eu-west-1 is -1.0", "0 or more"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(changes, message, hint):
    settings = {"regions": ids("us-east-1", "eu-west-1"), "home": RegionId("us-east-1")} | changes
    with pytest.raises(ConfigError) as caught:
        Topology(**settings)
    assert message in caught.value.message
    assert hint in caught.value.hint


_NAMES = st.lists(
    st.sampled_from(["us-east-1", "eu-west-1", "westeurope", "x", "y", "asia-east1"]), min_size=1
)


@given(_NAMES, st.data())
def test_ranks_are_a_permutation_with_home_at_zero(names, data):
    home = data.draw(st.sampled_from(names))
    topology = Topology(ids(*names), RegionId(home))
    assert sorted(topology.rank(region) for region in topology.regions) == list(range(len(set(names))))
    assert topology.rank(RegionId(home)) == 0


def test_every_pair_of_areas_has_a_typical_round_trip():
    areas = sorted({area for _, area in _AREA_OF_PREFIX})
    assert {frozenset({a, b}) for a in areas for b in areas if a != b} == set(_MS)


@pytest.mark.parametrize(
    ("one", "other", "seconds"),
    [
        ("eu-west-1", "eu-west-1", 0.0),
        ("eu-west-1", "europe-west4", 0.02),
        ("eastus2", "westeurope", 0.08),
        ("us-central1", "westus3", 0.06),
        ("asia-southeast1", "ap-southeast-2", 0.09),
        ("koreacentral", "southafricanorth", 0.36),
        ("eu-west-1", "basement", None),
    ],
)
def test_the_three_clouds_names_are_understood(one, other, seconds):
    assert typical_round_trip_s(RegionId(one), RegionId(other)) == seconds
    assert typical_round_trip_s(RegionId(other), RegionId(one)) == seconds
