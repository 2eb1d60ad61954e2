"""How a route is served: its channels, their shares, and how each is called."""

from dataclasses import dataclass, field
from enum import StrEnum

from foreroute.core.attempt import PickReason
from foreroute.core.ids import ChannelId, RegionId, RouteName


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits on one attempt, in seconds. Each read has its own idle timer, whatever the library promises."""

    connect_s: float = 5.0
    first_chunk_s: float = 60.0
    stall_s: float = 30.0
    """The longest silence between two chunks of a stream."""
    total_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a channel's circuit breaker opens, and how it closes again."""

    consecutive_failures_max: int = 5
    failure_ratio_max: float = 0.5
    attempts_min: int = 10
    """The ratio speaks only when the window holds this many attempts."""
    window_s: float = 30.0
    open_s: float = 10.0
    open_s_max: float = 30.0
    """Each further opening doubles the wait, up to this: the longest that a channel may be well without being asked."""
    half_open_successes_min: int = 2
    outlier_ratio_min: float = 0.3
    """A channel whose failures prove at least this ratio, and twice that of its peers, is left out at once."""
    ejected_ratio_max: float = 0.5
    """So much of a route's channels may be left out as outliers at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """How a channel is called: what self-healing tunes."""

    timeouts: Timeouts = field(default_factory=Timeouts)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    concurrency_max: int | None = None
    hedge_after_s: float | None = None
    """When nothing has come after this long, a second attempt runs beside the first. None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One channel of a route. `priority` is the failover order (0 first); `weight` the share within it, ≥ 0."""

    channel: ChannelId
    weight: float
    priority: int = 0
    policy: CallPolicy = field(default_factory=CallPolicy)


class Select(StrEnum):
    """How one channel of a route is chosen."""

    BALANCED = "balanced"
    """By the plan's shares, and of two draws the one that has less to do or is less slow."""
    SHARES = "shares"
    """By the plan's shares alone."""
    PRICE = "price"
    """The cheapest first."""
    LATENCY = "latency"
    """The one that is expected to answer first."""
    THROUGHPUT = "throughput"
    """The most tokens a second first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How one public model name is served. Weights of each priority sum to 1, or are all 0."""

    name: RouteName
    targets: tuple[Target, ...]
    reason: PickReason = PickReason.CONFIGURED
    """What moved the shares last: the gateway repeats it in `x-foreroute-reason`."""
    attempts_max: int = 3
    backoff_s: float = 0.25
    """Base of the full-jitter backoff before a retry on a channel that was tried already."""
    sticky: bool = False
    """Prompts with the same beginning go to the same channel, which may have it cached."""
    fallbacks: tuple[RouteName, ...] = ()
    """Routes to try when no channel of this one has answered."""
    select: Select = Select.BALANCED
    regions: frozenset[RegionId] = frozenset()
    """Its requests are served there and nowhere else; empty: anywhere."""
