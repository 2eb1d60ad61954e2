"""What is counted and kept, and for how long."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from foreroute.settings.section import Section
from foreroute.settings.units import Duration, Size


class KeepSettings(Section):
    """How long what is stored is kept."""

    minutes: Duration = 14 * 86400.0
    """Every minute of metrics. At least `loop.history`."""
    hours: Duration = 90 * 86400.0
    """Minutes that are older than `minutes` become hours, kept until they are this old."""
    days: Duration = 730 * 86400.0
    """Hours that are older than `hours` become days (UTC), kept until they are this old."""
    records: Duration = 90 * 86400.0
    """Decisions, findings and anomalies."""
    incidents: Duration = 730 * 86400.0
    """Incidents that are closed; open ones stay."""


class CollectSettings(Section):
    """What the minutes of metrics are counted by, besides by channel."""

    by: tuple[Literal["route", "client_region"], ...] = ()
    """`[route, client_region]` counts each channel's minutes by route and by the client's region as well. `foreroute
    series` shows them; nothing is steered by them."""
    segments_max: int = Field(100, ge=1, le=10_000)
    """So many routes, and so many regions, have minutes of their own; what comes after counts as `(other)`."""


class InfluxSettings(Section):
    """A server that takes line protocol: InfluxDB 1.x, 2.x with a mapped bucket, 3.x, or VictoriaMetrics as a mirror."""

    url: str = Field(min_length=1, max_length=2000)
    """Such as `http://127.0.0.1:8086`."""
    database: str = Field("foreroute", min_length=1, max_length=200)
    """It must be there. On 2.x: the name that a bucket is mapped to."""
    retention_policy: str | None = Field(None, min_length=1, max_length=200)
    """Not set: the database's default."""
    measurement: str = Field("foreroute", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")
    """The names of the measurements begin so."""
    token: SecretStr | None = None
    """Of 2.x and 3.x."""
    token_file: Path | None = None
    """A file with the token, read before each request: it may change."""
    user: str | None = Field(None, min_length=1, max_length=200)
    """Of 1.x, with its password."""
    password: SecretStr | None = None
    """Of 1.x."""
    ca_file: Path | None = None
    """Certificates (PEM) that the server's is checked against, beside none of the system's."""
    timeout: Duration = 10.0
    """Of each request to it."""
    spill_max: Size = 1_000_000_000
    """So much waits in the file of `path` while the server is away; beyond that the oldest minutes go, which is told."""
    deletes: bool | None = None
    """Whether old minutes become hours and days there. Not set: on 2.x. On 1.x set it only with `index-version = "tsi1"`."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        given = [self.token is not None, self.token_file is not None, self.user is not None]
        if sum(given) > 1:
            raise ValueError("one of token, token_file, and user with password")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        return self


class StoreSettings(Section):
    """Where minutes, money and decisions are kept."""

    kind: Literal["sqlite", "memory", "influxdb"] = "sqlite"
    """`memory` forgets everything when the process ends. `influxdb` keeps minutes, hours and days of channels in the
    server of `influxdb`, and all else in the file."""
    path: Path = Path("foreroute.db")
    """Relative to the working directory."""
    influxdb: InfluxSettings | None = None
    """The server, with `kind: influxdb`. With `kind: sqlite`, a mirror: the numbers of every minute are written there as
    well (InfluxDB, VictoriaMetrics) and never read."""
    keep: KeepSettings = KeepSettings()
    """How long."""

    @property
    def outlasts(self) -> bool:
        """Whether what is kept is there after the process has ended."""
        return self.kind != "memory"
