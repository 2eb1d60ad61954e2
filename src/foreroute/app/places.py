"""Settings to what tells where clients are."""

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_network

from foreroute.core.ids import RegionId
from foreroute.regions.client_address import ProxyTrust
from foreroute.regions.countries import regions_by_country
from foreroute.regions.locate import ClientLocator, LocateSettings
from foreroute.regions.mmdb import CountryDatabase
from foreroute.regions.topology import Topology
from foreroute.settings.model import Settings


class Places:
    """A locator whose settings and database can be exchanged while it is asked. Without settings nobody is anywhere."""

    def __init__(self) -> None:
        self._locator: ClientLocator | None = None
        self._database: CountryDatabase | None = None

    def region_of(self, client: str | None, headers: Mapping[str, str]) -> RegionId | None:
        return None if self._locator is None else self._locator.region_of(client, headers)

    @property
    def is_asked(self) -> bool:
        return self._locator is not None

    def adopt(self, locator: ClientLocator | None, database: CountryDatabase | None) -> None:
        """From the thread that asks."""
        before, self._locator, self._database = self._database, locator, database
        if before is not None and before is not database:
            with suppress(OSError):
                before.close()


def open_places(
    settings: Settings, topology: Topology
) -> tuple[ClientLocator | None, CountryDatabase | None]:
    """The locator that the settings ask for, and the database that it reads; None each where there is none.

    Raises ConfigError for a file that is no database, MissingExtra without its reader.
    """
    geo, header = settings.geo, settings.gateway.client_region_header
    if header is None and geo.database is None and geo.country_header is None:
        return None, None
    database = None if geo.database is None else CountryDatabase(geo.database)
    return ClientLocator(locate_settings(settings, topology), database), database


def check_places(settings: Settings) -> None:
    """Raises what `open_places` would."""
    if settings.geo.database is not None:
        CountryDatabase(settings.geo.database).close()


def locate_settings(settings: Settings, topology: Topology) -> LocateSettings:
    geo, home = settings.geo, settings.gateway.region
    own = {country: RegionId(region) for country, region in geo.countries.items()}
    return LocateSettings(
        proxies=ProxyTrust([ip_network(one) for one in geo.trusted_proxies], geo.address_header),
        region_header=settings.gateway.client_region_header,
        country_header=geo.country_header,
        believe_anyone=not geo.trusted_proxies,
        regions=topology.regions,
        regions_by_country=regions_by_country(topology.regions, own),
        default=RegionId(home) if home is not None else None,
    )
