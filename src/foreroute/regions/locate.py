"""Where a client is, as far as it can be told. Only the region goes on: addresses stay in a small memory here, and nowhere
else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Protocol

from foreroute.core.ids import RegionId
from foreroute.regions.client_address import ProxyTrust

_KEPT: Final = 8192
"""Addresses whose region is remembered: a user asks more than once."""
_KEPT_LENGTH: Final = 200


class Countries(Protocol):
    def country_of(self, address: IPv4Address | IPv6Address) -> str | None:
        """ISO 3166 code, or None. Never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LocateSettings:
    """What tells where a client is. What is None is not asked.

    `region_header` names a region, `country_header` a country; both count only from a proxy that `proxies` trusts. With
    `believe_anyone` the region's header counts from every peer: for a gateway that only its own proxy can reach.
    """

    proxies: ProxyTrust
    region_header: str | None = None
    country_header: str | None = None
    believe_anyone: bool = False
    regions: Collection[RegionId] = ()
    regions_by_country: Mapping[str, RegionId] = field(default_factory=dict)
    default: RegionId | None = None


class ClientLocator:
    """In this order: the region that a trusted header names; the country that one names; the country of the client's address;
    the default. A value that says nothing is passed over. Never raises.
    """

    def __init__(self, settings: LocateSettings, countries: Countries | None = None) -> None:
        self._settings, self._countries = settings, countries
        self._regions = {region.lower(): region for region in settings.regions}
        self._region_header = (settings.region_header or "").lower()
        self._country_header = (settings.country_header or "").lower()
        self._by_address = lru_cache(_KEPT)(self._look_up)

    def region_of(self, client: str | None, headers: Mapping[str, str]) -> RegionId | None:
        """`client`: the address of the connection's other end; `headers` by lower-case name."""
        settings = self._settings
        is_trusted = settings.proxies.believes(client)
        if self._region_header and (is_trusted or settings.believe_anyone):
            named = self._regions.get(headers.get(self._region_header, "").strip().lower())
            if named is not None:
                return named
        if self._country_header and is_trusted:
            country = headers.get(self._country_header, "").strip().upper()
            if country in settings.regions_by_country:
                return settings.regions_by_country[country]
        if self._countries is None:
            return settings.default
        said = headers.get(settings.proxies.header, "") if is_trusted else ""
        return (
            self._by_address(client, said) if len(said) < _KEPT_LENGTH else self._look_up(client, said)
        ) or settings.default

    def _look_up(self, client: str | None, said: str) -> RegionId | None:
        if self._countries is None:
            return None
        address = self._settings.proxies.client_of(client, said)
        country = None if address is None else self._countries.country_of(address)
        return None if country is None else self._settings.regions_by_country.get(country)
