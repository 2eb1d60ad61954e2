"""How the gateway behaves, whatever the plan says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from foreroute.core.ids import RegionId


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    body_bytes_max: int = 50 * 1024 * 1024
    depth_max: int = 128
    """The deepest nesting of a request body."""
    answer_bytes_max: int = 64 * 1024 * 1024
    """The largest answer that is not streamed; a larger one is a failure of the channel."""
    deadline_s: float = 600.0
    """No attempt of a request begins later than this, and none runs beyond it."""
    hold_events_max: int = 64
    hold_bytes_max: int = 256 * 1024
    """How much of a stream is held back while it has no content yet, so that it can still fail over."""
    linger_s: float = 0.5
    """After the end of a stream: how long to wait for its last bytes, which keep the connection usable."""
    free_failovers: int = 1
    """So many failovers of a request, each to a channel it has not asked, are not charged to the retry budget."""
    queue_max: int = 100
    queue_s: float = 5.0
    """So many requests wait for a place on a channel, each for so long, before they are refused."""
    keep_alive_s: float = 10.0
    """A stream that has been silent for so long gets a comment."""
    passthrough: frozenset[str] = frozenset(
        {"audio", "batches", "files", "images", "moderations", "rerank", "responses", "uploads"}
    )
    """First segments of the paths that are passed through without being understood."""
    residency: Mapping[str, frozenset[RegionId]] = field(default_factory=dict)
    """Tags of keys, and the only regions in which requests of such keys are served."""
    explore_ratio: float = 0.01
    """So many choices ignore load and slowdown, so that what is known of every channel stays fresh."""
    probe: bool = False
    """Ask a channel that was left out with a small completion of the gateway's own; else a request finds out."""
    hedge_ratio: float = 0.05
    hedge_floor: int = 3
    """Second attempts beside a slow first one: at most this share of the last minute's requests, but always this
    many in ten seconds."""
    retry_ratio: float = 0.2
    retry_floor: int = 3
    """Other retries: at most this share of the last minute's requests, but always this many in ten seconds."""
