"""Where a client is: what is asked first, and whom it is believed."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.ids import RegionId
from foreroute.core.ports import Locator
from foreroute.regions.client_address import ProxyTrust
from foreroute.regions.countries import regions_by_country
from foreroute.regions.locate import ClientLocator, LocateSettings
from foreroute.regions.mmdb import CountryDatabase

REGIONS = [RegionId("eu-west-1"), RegionId("us-east-1"), RegionId("ap-northeast-2")]
HOME = RegionId("us-east-1")
PROXY = "10.0.0.1"
LONDON, SEOUL = "81.2.69.142", "203.119.1.1"


def locator(path: Path | None = None, *, anyone: bool = False, default: RegionId | None = HOME) -> Locator:
    settings = LocateSettings(
        proxies=ProxyTrust([] if anyone else [ip_network("10.0.0.0/8")], "x-forwarded-for"),
        region_header="X-Client-Region",
        country_header="CF-IPCountry",
        believe_anyone=anyone,
        regions=REGIONS,
        regions_by_country=regions_by_country(REGIONS),
        default=default,
    )
    return ClientLocator(settings, None if path is None else CountryDatabase(path))


@pytest.mark.parametrize(
    ("value", "region"),
    [("eu-west-1", "eu-west-1"), (" EU-West-1 ", "eu-west-1"), ("mars", HOME), ("", HOME)],
)
def test_a_trusted_header_names_the_region(value: str, region: str) -> None:
    assert locator().region_of(PROXY, {"x-client-region": value}) == region


def test_a_header_that_anyone_can_send_is_not_believed() -> None:
    headers = {"x-client-region": "eu-west-1", "cf-ipcountry": "GB"}
    assert locator().region_of("192.0.2.1", headers) == HOME
    assert locator(anyone=True).region_of("192.0.2.1", headers) == "eu-west-1", "unless the operator says so"
    assert locator(anyone=True).region_of("192.0.2.1", {"cf-ipcountry": "GB"}) == HOME


def test_what_is_said_comes_before_what_is_looked_up(nested: Path) -> None:
    found = locator(nested)
    headers = {"x-client-region": "us-east-1", "cf-ipcountry": "gb", "x-forwarded-for": SEOUL}
    assert found.region_of(PROXY, headers) == "us-east-1"
    del headers["x-client-region"]
    assert found.region_of(PROXY, headers) == "eu-west-1"
    del headers["cf-ipcountry"]
    assert found.region_of(PROXY, headers) == "ap-northeast-2"
    headers["cf-ipcountry"] = "XX"
    assert found.region_of(PROXY, headers) == "ap-northeast-2", "a country that is none is passed over"


def test_without_proxies_the_connection_itself_tells(nested: Path) -> None:
    assert locator(nested).region_of(LONDON, {"x-forwarded-for": SEOUL}) == "eu-west-1"
    assert locator(nested).region_of("192.168.0.7", {}) == HOME
    assert locator(nested).region_of(None, {}) == HOME


def test_without_a_default_an_unknown_client_has_no_region() -> None:
    assert locator(default=None).region_of(None, {}) is None


@given(
    st.none() | st.text() | st.just(PROXY) | st.ip_addresses().map(str),
    st.dictionaries(st.sampled_from(["x-client-region", "cf-ipcountry", "x-forwarded-for"]), st.text()),
)
def test_it_never_raises(client: str | None, headers: dict[str, str]) -> None:
    assert locator().region_of(client, headers) in REGIONS
