"""One row per attempt: what was spent, on what, and why that channel."""

from dataclasses import dataclass
from decimal import Decimal

from foreroute.core.attempt import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A priced attempt. Identified by (request_id, number): writing it again changes nothing.

    `cost_usd` None means that no price is known; it is shown as unpriced and never added as zero.
    """

    attempt: Attempt
    cost_usd: Decimal | None
    price_source: str
    """Where the unit prices came from: `config`, `genai-prices` or `unpriced`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What a group of attempts cost."""

    attempts: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced_attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
