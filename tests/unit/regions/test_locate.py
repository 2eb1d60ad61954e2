import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.ids import RegionId
from foreroute.core.ports import Locator
from foreroute.regions.locate import HeaderLocator

REGIONS = [RegionId("eu-west-1"), RegionId("us-east-1")]
HOME = RegionId("us-east-1")


def locator(*, trusted: bool = True) -> Locator:
    return HeaderLocator("X-Client-Region", trusted=trusted, regions=REGIONS, default=HOME)


@pytest.mark.parametrize(
    ("value", "region"),
    [("eu-west-1", "eu-west-1"), (" EU-West-1 ", "eu-west-1"), ("mars", HOME), ("", HOME)],
)
def test_a_trusted_header_names_the_region(value, region):
    assert locator().region_of("10.0.0.1", {"x-client-region": value}) == region


def test_a_header_that_anyone_can_send_is_not_believed():
    assert locator(trusted=False).region_of(None, {"x-client-region": "eu-west-1"}) == HOME


def test_without_a_default_an_unknown_client_has_no_region():
    bare = HeaderLocator("x-client-region", trusted=True, regions=REGIONS)
    assert bare.region_of(None, {}) is None


@given(st.none() | st.text(), st.dictionaries(st.text() | st.just("x-client-region"), st.text()))
def test_it_never_raises(client, headers):
    assert locator().region_of(client, headers) in REGIONS
