"""Small databases of countries, in the forms that their makers give them."""

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

NESTED = {
    "81.2.69.0/24": {"country": {"iso_code": "GB"}, "city": {"names": {"en": "London"}}},
    "2001:218::/32": {"country": {"iso_code": "JP"}, "registered_country": {"iso_code": "US"}},
    "203.119.0.0/16": {"registered_country": {"iso_code": "KR"}},
    "8.8.8.0/24": {"country": {"iso_code": "US"}},
}
FLAT = {
    "81.2.69.0/24": {"country_code": "gb"},
    "8.8.8.0/24": {"country_code": "US"},
    "9.9.9.0/24": {"country_code": 7},
}


def write(path: Path, records: dict[str, Any], kind: str, *, ip_version: int = 6) -> Path:
    writer = MMDBWriter(ip_version=ip_version, database_type=kind, ipv4_compatible=ip_version == 6)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    return write(tmp_path / "GeoLite2-Country.mmdb", NESTED, "GeoLite2-Country")


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return write(tmp_path / "dbip.mmdb", FLAT, "DBIP-Country-Lite", ip_version=4)
