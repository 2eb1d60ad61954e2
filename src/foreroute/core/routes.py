"""How a route is served: its channels, their shares, and how each is called."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from foreroute.core.attempt import PickReason
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.limits import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits on one attempt, in seconds. Each read has its own idle timer, whatever the library promises."""

    connect_s: float = 5.0
    first_chunk_s: float = 60.0
    stall_s: float = 30.0
    """The longest silence between two chunks of a stream."""
    total_s: float = 600.0
    first_chunk_by_tokens: Setting | None = None
    """By the request's input tokens, in the place of `first_chunk_s`. Tuned, never configured."""
    total_by_tokens: Setting | None = None
    """By the limit on its output tokens, in the place of `total_s`."""

    def for_work(self, input_tokens: int, output_tokens_max: int | None) -> "Timeouts":
        """Those of one request: the same object where nothing depends on it."""
        first, total = self.first_chunk_by_tokens, self.total_by_tokens
        if first is None and total is None:
            return self
        return Timeouts(
            connect_s=self.connect_s,
            first_chunk_s=self.first_chunk_s if first is None else first.at(input_tokens),
            stall_s=self.stall_s,
            total_s=self.total_s if total is None else total.at(output_tokens_max),
        )

    def times(self, factor: float) -> "Timeouts":
        """All of them so many times as long."""
        return Timeouts(
            connect_s=self.connect_s * factor,
            first_chunk_s=self.first_chunk_s * factor,
            stall_s=self.stall_s * factor,
            total_s=self.total_s * factor,
        )

    def within(self, total_s: float) -> "Timeouts":
        return self if self.total_s <= total_s else replace(self, total_s=total_s)


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
    admission: float | None = None
    """Attempts that are sent for each that the channel accepts, > 1. None: as many as there are."""
    patience_s: float = 60.0
    """What nearly all answers take: a younger attempt is not held against the admission."""
    canary: str = ""
    """The name of the trial whose setting this policy holds; it marks the attempts."""
    leash: bool = False
    """Twice the timeouts, so that it is seen what they would have cut off."""


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
