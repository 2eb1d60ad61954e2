"""One row per attempt: what was spent, on what, where, at which prices, and why that channel."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from foreroute.core.attempt import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedPrices:
    """The prices that a cost was made with: US dollars per million tokens of each bucket, per request, and per second
    of one of the channel's places. None: the bucket had no price, and no tokens.
    """

    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None
    request: Decimal = Decimal(0)
    place_second: Decimal = Decimal(0)
    tier: str = ""
    """`flex`, `priority` …; empty: the standard one."""
    dated: str = ""
    """The day for which they were looked up, such as `2026-11-02` (UTC)."""
    book: str = ""
    """Where they were looked up: the price book with its version, or `config`."""
    extras: tuple[tuple[str, Decimal], ...] = ()
    """Of parts and pieces with a price of their own, by name: per million tokens, per hour of audio, per other piece."""
    free_ratio: Decimal = Decimal(0)
    """The share of the attempt that a free allowance has paid for, 0…1."""


@dataclass(frozen=True, slots=True)
class Seller:
    """Who was called, as the configuration said at the time."""

    provider: str = ""
    cloud: str = ""
    region: str = ""
    model: str = ""


NOBODY: Final = Seller()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A priced attempt. Identified by (request_id, number): writing it again changes nothing.

    `cost_usd` None means that no price is known; it is shown as unpriced and never added as zero.
    """

    attempt: Attempt
    cost_usd: Decimal | None
    price_source: str
    """Where the unit prices came from: `config`, `genai-prices` or `unpriced`."""
    seller: Seller = NOBODY
    prices: UsedPrices | None = None
    """None: unpriced, or a row of before prices were kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A row that puts another cost in the place of one that is on record. What was written stays."""

    request_id: str
    number: int
    at: float
    """When it was made."""
    cost_usd: Decimal | None
    price_source: str
    prices: UsedPrices | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What a group of attempts cost."""

    attempts: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced_attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class SpendGroup:
    """By what attempts are told apart in reports, as it was when they were written down."""

    channel: str
    provider: str = ""
    cloud: str = ""
    region: str = ""
    model: str = ""
    route: str = ""
    key: str = ""
    team: str = ""
    tags: tuple[str, ...] = ()
    """Of the key, sorted."""
    kind: str = ""
    """`retry`, `hedge`, `probe` or `shadow`; empty: the first try of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """Sums of a group: the buckets are disjoint, but for reasoning, which is a part of output."""

    attempts: int = 0
    unpriced_attempts: int = 0
    cost_usd: Decimal = Decimal(0)
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Metered") -> "Metered":
        return Metered(
            attempts=self.attempts + other.attempts,
            unpriced_attempts=self.unpriced_attempts + other.unpriced_attempts,
            cost_usd=self.cost_usd + other.cost_usd,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True)
class SpendCell:
    """What one group spent in one window."""

    start_at: float
    end_at: float
    group: SpendGroup
    metered: Metered
