"""The nearest region of a country, before anything was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.ids import RegionId
from foreroute.regions.countries import AREA_OF_COUNTRY, regions_by_country
from foreroute.regions.round_trips import _MS

WORLD = [
    RegionId(name) for name in ("us-east-1", "eu-west-1", "ap-northeast-2", "ap-southeast-1", "sa-east-1")
]


def test_every_country_has_an_area_that_round_trips_are_known_of() -> None:
    assert len(AREA_OF_COUNTRY) >= 249
    assert set(AREA_OF_COUNTRY.values()) <= {area for pair in _MS for area in pair}
    assert all(len(one) == 2 and one.isupper() for one in AREA_OF_COUNTRY)


@pytest.mark.parametrize(
    ("country", "region"),
    [
        ("GB", "eu-west-1"),
        ("KR", "ap-northeast-2"),
        ("US", "us-east-1"),
        ("CO", "us-east-1"),
        ("BR", "sa-east-1"),
        ("AU", "ap-southeast-1"),
        ("AE", "ap-southeast-1"),
    ],
)
def test_the_nearest_region(country: str, region: str) -> None:
    assert regions_by_country(WORLD)[country] == region


def test_the_operators_word_counts_first() -> None:
    own = {"gb": RegionId("us-east-1"), "AQ": RegionId("sa-east-1")}
    found = regions_by_country(WORLD, own)
    assert (found["GB"], found["AQ"], found["FR"]) == ("us-east-1", "sa-east-1", "eu-west-1")


def test_names_that_say_nothing_are_near_to_nobody() -> None:
    assert regions_by_country([RegionId("basement")]) == {}
    assert regions_by_country([RegionId("basement"), RegionId("westeurope")])["KR"] == "westeurope"
    assert regions_by_country([]) == {}


@given(st.lists(st.sampled_from(WORLD), min_size=1, unique=True))
def test_every_country_is_served_by_a_region_there_is(regions: list[RegionId]) -> None:
    found = regions_by_country(regions)
    assert set(found) == set(AREA_OF_COUNTRY)
    assert set(found.values()) <= set(regions)
