"""What is counted and kept, and for how long."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from foreroute.settings.section import Section
from foreroute.settings.units import Duration


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


class StoreSettings(Section):
    """Where minutes, money and decisions are kept."""

    kind: Literal["sqlite", "memory"] = "sqlite"
    """`memory` forgets everything when the process ends."""
    path: Path = Path("foreroute.db")
    """Relative to the working directory."""
    keep: KeepSettings = KeepSettings()
    """How long."""
    audit_key: SecretStr | None = None
    """Keys the chain of audit records, `${FOREROUTE_AUDIT_KEY}`: who can write the store, but has not the key, can then
    change none of them unseen. Unset: an unkeyed chain."""
