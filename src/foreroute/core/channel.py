"""What can be called. A channel holds no state and no secret."""

from dataclasses import dataclass
from enum import StrEnum

from foreroute.core.ids import ChannelId, RegionId


class Dialect(StrEnum):
    """The wire format that a channel speaks, and a caller."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class Reach(StrEnum):
    """Which network a channel lies in."""

    PUBLIC = "public"
    PRIVATE = "private"
    """A network of the operator's own: public addresses are as good."""
    ANY = "any"
    """Also link-local addresses, where clouds keep their metadata service."""


class Health(StrEnum):
    """The human summary of a channel, from the observed window alone."""

    EXCELLENT = "excellent"
    GOOD = "good"
    DEGRADED = "degraded"
    POOR = "poor"
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    """No traffic in the window: nothing is known, which is not the same as bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way of getting a model's answer: provider × region × model behind one base URL.

    Limits are the operator's statement of the provider's quota; None means unknown, not unlimited.
    """

    id: ChannelId
    provider: str
    """The provider's name in the price book, such as `openai` or `anthropic`."""
    cloud: str
    """Where it runs: `aws`, `gcp`, `azure`, `openai`, `local` … Used for grouping and blame."""
    region: RegionId
    model: str
    """The model name that this channel's upstream expects."""
    base_url: str
    """Up to and including the version, such as `https://api.openai.com/v1`, without a trailing slash."""
    dialect: Dialect = Dialect.OPENAI
    adapter: str | None = None
    """Who translates between `dialect` and the provider's own format, by its name in the adapters' library; chat only."""
    requests_per_minute_max: int | None = None
    tokens_per_minute_max: int | None = None
    concurrency_max: int | None = None
    quality_score: float = 1.0
    """The operator's own rating of the answers, 0…1."""
    reach: Reach | None = None
    """Where connections may lead; None: as `base_url` implies."""
