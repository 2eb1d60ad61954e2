"""Settings to a store with InfluxDB, or with a mirror in one."""

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path

from foreroute.core.errors import ConfigError
from foreroute.monitor.fold import merge_rollups
from foreroute.settings.keeping import InfluxSettings, StoreSettings
from foreroute.settings.load import reveal
from foreroute.store.influx import InfluxOptions, InfluxStore
from foreroute.store.influx_http import Address


async def open_influx(settings: StoreSettings) -> InfluxStore:
    """The server need not be there. Raises StoreError for the file, ConfigError for certificates that cannot be read."""
    server = settings.influxdb
    assert server is not None  # noqa: S101 - checked with the configuration
    options = InfluxOptions(
        address=Address(
            url=server.url,
            database=server.database,
            retention_policy=server.retention_policy,
            headers=lambda: _headers(server),
            tls=None if server.ca_file is None else _trusted(server.ca_file),
            timeout_s=server.timeout,
        ),
        measurement=server.measurement,
        spill_max_bytes=server.spill_max,
        keep_s=settings.keep.days,
        deletes=server.deletes,
    )
    opened = InfluxStore.open if settings.kind == "influxdb" else InfluxStore.mirror
    return await opened(settings.path, merge_rollups, options)


def _headers(server: InfluxSettings) -> Mapping[str, str]:
    """Raises OSError when the token's file cannot be read."""
    token = reveal(server.token)
    if server.token_file is not None:
        token = server.token_file.read_text(encoding="utf-8").strip()
    if token is not None:
        return {"Authorization": f"Token {token}"}
    if server.user is not None:
        known = f"{server.user}:{reveal(server.password)}".encode()
        return {"Authorization": f"Basic {base64.b64encode(known).decode()}"}
    return {}


def _trusted(certificates: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=certificates)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{certificates} holds no certificates (PEM): {error}",
            where="store.influxdb.ca_file",
            hint="name the file with the certificate that has signed the server's",
        ) from None
