"""Where users are."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from foreroute.settings.section import Name, Section


def _network(value: str) -> str:
    try:
        return str(ip_network(value.strip(), strict=False))
    except ValueError:
        raise ValueError(f"{value!r} is no address or network; write 10.0.0.0/8 or 192.0.2.7") from None


class GeoSettings(Section):
    """Where clients are, by their addresses. Addresses are never stored: only the region is."""

    database: Path | None = None
    """A MaxMind DB file with countries: GeoLite2, GeoIP2, DB-IP. Fetched with `foreroute geo update`; needs the extra `geo`.
    Relative to the working directory. A file that is replaced is taken up within seconds."""
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Whose headers about the client are believed: `[10.0.0.0/8, "2001:db8::/32"]`. Nobody else's are."""
    address_header: Literal[
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "cf-connecting-ip",
        "true-client-ip",
        "fastly-client-ip",
    ] = "x-forwarded-for"
    """In which header trusted proxies name the client's address."""
    country_header: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """A header in which trusted proxies name the client's country, such as `cf-ipcountry`."""
    countries: dict[Annotated[str, Field(pattern="^[A-Z]{2}$")], Name] = Field(default_factory=dict)
    """Which region serves a country, where the nearest by typical round trips is not the right one: `{KR: seoul}`."""
