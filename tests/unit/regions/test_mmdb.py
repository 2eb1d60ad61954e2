"""Countries from real files in the MaxMind DB format, whole and damaged."""

from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreroute.core.errors import ConfigError
from foreroute.regions.mmdb import CountryDatabase


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("81.2.69.142", "GB"),
        ("2001:218::1", "JP"),
        ("203.119.1.1", "KR"),
        ("5.5.5.5", None),
        ("10.0.0.1", None),
        ("127.0.0.1", None),
        ("fe80::1", None),
        ("::1", None),
        ("0.0.0.0", None),
        ("255.255.255.255", None),
    ],
)
def test_the_nested_form(nested: Path, address: str, country: str | None) -> None:
    assert CountryDatabase(nested).country_of(ip_address(address)) == country


@pytest.mark.parametrize(
    ("address", "country"), [("81.2.69.1", "GB"), ("8.8.8.8", "US"), ("9.9.9.9", None), ("2001:218::1", None)]
)
def test_the_flat_form_and_a_file_without_ipv6(flat: Path, address: str, country: str | None) -> None:
    assert CountryDatabase(flat).country_of(ip_address(address)) == country


def test_what_a_file_says_of_itself(nested: Path, flat: Path) -> None:
    facts = CountryDatabase(nested).facts
    assert facts.kind == "GeoLite2-Country"
    assert facts.built_at > 1_700_000_000
    assert "MaxMind" in facts.attribution
    assert "CC BY 4.0" in CountryDatabase(flat).facts.attribution


@pytest.mark.parametrize("content", [b"", b"GeoLite2", b"\x00" * 4096])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.mmdb"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no MaxMind DB"):
        CountryDatabase(path)
    with pytest.raises(ConfigError, match="there is no file"):
        CountryDatabase(tmp_path / "none.mmdb")
    with pytest.raises(ConfigError):
        CountryDatabase(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_answers_without_raising(nested: Path, data: st.DataObject) -> None:
    content = bytearray(nested.read_bytes())
    content = content[: data.draw(st.integers(0, len(content)))] or content
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=20)):
        content[place] = data.draw(st.integers(0, 255))
    path = nested.with_name("damaged.mmdb")
    path.unlink(missing_ok=True)  # a file that is mapped must not change under its reader
    path.write_bytes(bytes(content))
    try:
        database = CountryDatabase(path)
    except ConfigError:
        return
    for address in ("81.2.69.142", "8.8.8.8", "2001:218::1", "203.119.1.1"):
        country = database.country_of(ip_address(address))
        assert country is None or (len(country) == 2 and country.isupper())
    database.close()
