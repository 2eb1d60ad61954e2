"""What failures have in common, as the learning stage tells it to the others."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePattern:
    """A kind of failure message. `text` and `example` hold known words and placeholders only, never a prompt or a key."""

    id: str
    """The same over restarts."""
    text: str
    example: str
    count: int
    first_at: float
    last_at: float
    kinds: Mapping[FailureClass, int] = field(default_factory=dict)
    channels: Mapping[ChannelId, int] = field(default_factory=dict)
    recurrences: int = 0
    """How often it came back on a channel within the lookback, after it had been gone."""
    group: str = ""
    """Patterns that nobody could name and that are alike have the same group; empty: none."""

    @property
    def kind(self) -> FailureClass:
        """What it was mostly taken for."""
        return max(self.kinds, key=lambda kind: (self.kinds[kind], kind.value), default=FailureClass.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """What a channel has shown that it cannot do. Nothing is said of what was never asked of it."""

    input_tokens_max: int | None = None
    """In the gateway's own estimate, which the refused request had one more of."""
    tools: bool = True
    parameters: tuple[str, ...] = ()
    """Members of a request that it does not take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFact:
    """Something learnt of a channel that somebody may act on, in words and as an instant."""

    channel: ChannelId
    name: str
    """Such as `input_tokens_max`, `quota_reset_at`, `successor`, `peak_hour`, `told_requests_per_minute`."""
    value: str
    at: float
    """When it was last seen to hold."""
    expected_at: float | None = None
    """When it will matter next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the learning stage wants people to know now."""

    news: tuple[FailurePattern, ...] = ()
    """Patterns that were never seen before the last while."""
    due: tuple[ChannelFact, ...] = ()
    """What ends soon, such as certificates."""
