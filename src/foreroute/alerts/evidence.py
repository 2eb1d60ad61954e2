"""What alerting is told by a tick."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from foreroute.core.accounts import SharedHealth
from foreroute.core.channel import Channel
from foreroute.core.decision import Cause, Decision
from foreroute.core.findings import Findings
from foreroute.core.ids import ChannelId
from foreroute.core.patterns import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One channel over the observation window. None: nothing was measured."""

    attempts_per_minute: float = 0.0
    failure_ratio: float | None = None
    now_s: float | None = None


NO_TRAFFIC = Traffic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One tick, after its decision."""

    at: float
    tick_s: float
    channels: tuple[Channel, ...] = ()
    findings: Findings = field(default_factory=Findings)
    decision: Decision | None = None
    traffic: Mapping[ChannelId, Traffic] = field(default_factory=dict)
    limits: Mapping[ChannelId, float] = field(default_factory=dict)
    """The strictest objective of each channel, in seconds."""
    stage_errors: Mapping[str, str] = field(default_factory=dict)
    """Stage → what went wrong in this tick."""
    dead_receivers: Mapping[str, str] = field(default_factory=dict)
    """Receiver → why messages do not reach it."""
    shared: SharedHealth | None = None
    """What this gateway shares with others, if anything."""
    quiet_since_at: float | None = None
    """The last tick before a gap in which the loop did not look."""
    about: Mapping[ChannelId, str] = field(default_factory=dict)
    """The open incident of each channel that is in one."""
    told: Told = field(default_factory=Told)
    """What was learnt from failures and is news."""
    acts: bool = True
    """Whether autopilot lets decisions and playbooks take effect."""
    is_blind: bool = False
    """The loop did not tick: nothing is known but what stands here."""

    @property
    def causes(self) -> tuple[Cause, ...]:
        return () if self.decision is None else self.decision.causes
