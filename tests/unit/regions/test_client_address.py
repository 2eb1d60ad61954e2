"""Whose request it is, behind proxies that are trusted and some that are not."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.regions.client_address import ProxyTrust, parse

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]
CLIENT = ip_address("81.2.69.142")


def trust(header: str = "x-forwarded-for") -> ProxyTrust:
    return ProxyTrust(PROXIES, header)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("81.2.69.142", "81.2.69.142"),
        (" 81.2.69.142:443 ", "81.2.69.142"),
        ("2001:218::1", "2001:218::1"),
        ("[2001:218::1]:443", "2001:218::1"),
        ("[2001:218::1]", "2001:218::1"),
        ("::ffff:81.2.69.142", "81.2.69.142"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
        (None, None),
        ("999.1.1.1", None),
        ("1.2.3", None),
    ],
)
def test_an_address_as_proxies_write_it(text: str | None, address: str | None) -> None:
    assert parse(text) == (None if address is None else ip_address(address))


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ("81.2.69.142", CLIENT),
        ("81.2.69.142, 10.0.0.9", CLIENT),
        ("1.1.1.1, 81.2.69.142, 10.0.0.9", CLIENT),
        ("10.0.0.8, 10.0.0.9", ip_address("10.0.0.8")),
        ("81.2.69.142, unknown", None),
        ("81.2.69.142, unknown, 10.0.0.9", None),
        ("", None),
    ],
)
def test_the_nearest_address_that_is_no_proxy_of_ours(said: str, client: object) -> None:
    assert trust().client_of("10.0.0.1", said) == client


def test_nobody_else_is_believed() -> None:
    assert trust().client_of("81.2.69.142", "1.1.1.1") == CLIENT
    assert trust().client_of(None, "1.1.1.1") is None
    assert not trust().believes("81.2.69.142")
    assert trust().believes("2001:db8::7")
    assert not ProxyTrust([], "x-forwarded-for").believes("10.0.0.1")


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ('for=81.2.69.142;proto=https, for="[2001:db8::7]:4711"', CLIENT),
        ('proto=https;For="81.2.69.142:80"', CLIENT),
        ("for=_gazonk", None),
        ("proto=https", None),
    ],
)
def test_the_standard_header(said: str, client: object) -> None:
    assert trust("forwarded").client_of("10.0.0.1", said) == client


def test_a_header_with_one_address() -> None:
    cloudflare = trust("CF-Connecting-IP")
    assert cloudflare.header == "cf-connecting-ip"
    assert cloudflare.client_of("10.0.0.1", "81.2.69.142") == CLIENT
    assert cloudflare.client_of("10.0.0.1", "81.2.69.142, 10.0.0.9") is None


@given(
    st.sampled_from(["x-forwarded-for", "forwarded", "cf-connecting-ip"]),
    st.none() | st.text() | st.just("10.0.0.1"),
    st.text() | st.lists(st.ip_addresses().map(str)).map(", ".join),
)
def test_it_never_raises(header: str, peer: str | None, said: str) -> None:
    trust(header).client_of(peer, said)


@given(st.text(alphabet=st.characters(blacklist_characters=","), max_size=40), st.integers(1, 5000))
def test_what_a_client_writes_before_its_address_changes_nothing(forged: str, times: int) -> None:
    said = ", ".join([*[forged] * times, "81.2.69.142", "10.0.0.9"])
    assert trust().client_of("10.0.0.1", said) == CLIENT
