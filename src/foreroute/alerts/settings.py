"""What an operator can turn about alerts. Durations in seconds."""

from dataclasses import dataclass, field
from typing import Final

DEFAULT_GROUP_BY: Final = ("region", "budget", "stage", "receiver")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRoute:
    """Which alerts go to whom, and how they are bundled. All times are rounded up to the next tick."""

    match: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    group_by: tuple[str, ...] = DEFAULT_GROUP_BY
    group_wait_s: float = 60.0
    """How long the first message of a group waits for others to join."""
    group_interval_s: float = 300.0
    """The least time between two messages about one group."""
    repeat_interval_s: float = 4 * 3600.0
    """When nothing changes, a reminder after this long."""
    go_on: bool = False
    """Ask the next routes too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    firing_after_s: float = 120.0
    """How long an anomaly or an expected breach must last."""
    resolved_after_s: float = 180.0
    """How long there must be no sign."""
    reopen_s: float = 1800.0
    """The same trouble within this time after its end is the same alert."""
    impact_warning: float = 2.0
    impact_critical: float = 100.0
    """Requests a minute × excess over the usual."""
    event_ratio_min: float = 0.6
    """This part of a region's or provider's channels in trouble is one event."""
    event_ratio_clear: float = 0.2
    """Below this the event is over."""
    keep_resolved_s: float = 86_400.0
    routes: tuple[AlertRoute, ...] = field(default=())
    receivers: tuple[str, ...] = ()
