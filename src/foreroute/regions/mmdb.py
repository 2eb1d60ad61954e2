# ruff: noqa: PLC0415 - the reader belongs to an extra
"""Countries from a MaxMind DB file: GeoLite2, GeoIP2, DB-IP, or any other with a country in it.

Countries only: on published address ranges of clouds they are right in 97 to 100 % of cases, while two vendors' cities for
one address lie 276 km apart at the median.
"""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Final

from foreroute.core.errors import ConfigError, MissingExtra

DBIP: Final = "IP geolocation by DB-IP (https://db-ip.com), CC BY 4.0"
_HINT: Final = "fetch one with `foreroute geo update`, or name another .mmdb file"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    kind: str
    """As its maker calls it, such as `GeoLite2-Country`."""
    built_at: float
    nodes: int
    attribution: str
    """What its licence asks to be shown; empty if nothing."""


class CountryDatabase:
    """A copy of the file as it is now, mapped into memory: a mapped file that somebody overwrites in place takes the whole
    process down (SIGBUS). `country_of` may be called from any thread.

    Raises MissingExtra without the reader, ConfigError for a file that is no database.
    """

    def __init__(self, path: Path) -> None:
        try:
            import maxminddb
        except ImportError:
            raise MissingExtra("maxminddb", "geo", "finding a client's country") from None
        self._invalid = maxminddb.InvalidDatabaseError
        try:
            with tempfile.NamedTemporaryFile(prefix="foreroute-", suffix=".mmdb") as copy:
                copy.write(path.read_bytes())
                copy.flush()
                self._reader = maxminddb.open_database(copy.name)
            metadata = self._reader.metadata()
        except FileNotFoundError:
            raise ConfigError(f"there is no file {path}", where="geo.database", hint=_HINT) from None
        except (OSError, ValueError, maxminddb.InvalidDatabaseError):
            raise ConfigError(
                f"{path} is no MaxMind DB, or a damaged one", where="geo.database", hint=_HINT
            ) from None
        self._has_ipv6 = metadata.ip_version == 6
        self.facts = DatabaseFacts(
            kind=metadata.database_type,
            built_at=float(metadata.build_epoch),
            nodes=metadata.node_count,
            attribution=_noted(path) or _attribution(metadata.database_type),
        )

    def country_of(self, address: IPv4Address | IPv6Address) -> str | None:
        """ISO 3166 code in capitals. None for addresses that are not public, not in the file, or in a damaged part of it.

        Never raises.
        """
        if not address.is_global or (address.version == 6 and not self._has_ipv6):
            return None
        try:
            return _country(self._reader.get(str(address)))
        except (ValueError, self._invalid, UnicodeDecodeError):
            return None

    def close(self) -> None:
        self._reader.close()


def attribution_file(path: Path) -> Path:
    """Beside a database that does not name its maker: what its licence asks to be shown."""
    return path.with_name(f"{path.name}.attribution")


def when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _country(record: Any) -> str | None:
    """From MaxMind's nested form, where the country is that of the user, else that of the network's owner; or DB-IP's flat
    one.
    """
    if not isinstance(record, dict):
        return None
    for name in ("country", "registered_country"):
        nested = record.get(name)
        if isinstance(nested, dict) and (code := _code(nested.get("iso_code"))):
            return code
        if code := _code(nested):
            return code
    return _code(record.get("country_code"))


def _code(value: Any) -> str | None:
    if isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha():
        return value.upper()
    return None


def _noted(path: Path) -> str:
    try:
        return attribution_file(path).read_text(encoding="utf-8").strip()[:300]
    except (OSError, UnicodeDecodeError):
        return ""


def _attribution(kind: str) -> str:
    name = kind.lower()
    if name.startswith(("dbip", "db-ip")):
        return DBIP
    if name.startswith("geolite2"):
        return "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com"
    return ""
