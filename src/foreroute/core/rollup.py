"""One channel's minute."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySummary:
    """Latency of the successful attempts of a window, in seconds.

    Percentiles do not merge, so `sketch` keeps a mergeable quantile sketch beside them; hour and
    day percentiles are read from merged sketches. A summary with a count and no sketch came from
    elsewhere as bare percentiles: what is merged from such is their mean, weighted by the counts.
    """

    count: int = 0
    total_s: float = 0.0
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    sketch: bytes = b""
    slowdown_total: float = 0.0
    slowdown_count: int = 0
    """Attempts of which it is known how slow they were for their work, and the sum of those ratios."""

    @property
    def slowdown(self) -> float | None:
        """The mean over requests of observed over expected duration; None where nothing was expected."""
        return self.slowdown_total / self.slowdown_count if self.slowdown_count else None

    @property
    def mean_s(self) -> float | None:
        return self.total_s / self.count if self.count else None


NO_LATENCY = LatencySummary()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """Everything that one writer saw of one channel in one window.

    Identified by (channel, segment, window_start, source): a window that two processes saw (a restart in
    the middle of a minute) has two rollups, and readers merge them. Sending the same rollup again
    replaces it, so nothing is counted twice.
    """

    channel: ChannelId
    window_start: float
    source: str
    """The run that made it, so that a restart neither overwrites nor doubles a minute."""
    window_s: float = 60.0
    attempts: int = 0
    """All attempts, the ignored ones too."""
    successes: int = 0
    throttles: int = 0
    ignored: int = 0
    failures: Mapping[FailureClass, int] = field(default_factory=dict)
    latency: LatencySummary = NO_LATENCY
    """Whole answers."""
    first_chunk: LatencySummary = NO_LATENCY
    """Time to the first chunk, of streams only."""
    usage: Usage = NO_USAGE
    cost_usd: Decimal = Decimal(0)
    unpriced_attempts: int = 0
    segment: str = ""
    """Which part of the channel's attempts, such as `route=chat`; empty: all of them."""
    metrics: tuple[str, ...] = ()
    """The names of the only metrics that it tells, where it came from elsewhere; empty: it tells all."""

    @property
    def failures_total(self) -> int:
        """Attempts that count against the channel: failures and timeouts, not throttles."""
        return self.attempts - self.successes - self.throttles - self.ignored

    @property
    def failure_ratio(self) -> float | None:
        """Failed share of the attempts that say something about the channel; None without any."""
        judged = self.attempts - self.ignored - self.throttles
        return self.failures_total / judged if judged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """Instants at which what is kept changes its form. Each is at or before the one above it."""

    pack_at: float
    """Minutes that began before may be packed tightly; they stay minutes."""
    hours_at: float
    """Minutes that began before become hours."""
    days_at: float
    """Hours that began before become days (UTC)."""
    gone_at: float
    """What began before goes."""


def by_channel(rollups: Iterable[Rollup]) -> dict[ChannelId, list[Rollup]]:
    """The rollups of each channel, in the order given."""
    found: dict[ChannelId, list[Rollup]] = {}
    for rollup in rollups:
        found.setdefault(rollup.channel, []).append(rollup)
    return found
