"""What a model charges, and what a usage costs at that. Exact: decimal arithmetic, no rounding."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from foreroute.core.attempt import Usage

_MILLION: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrices:
    """US dollars per million tokens of each bucket, and per request. Raises ValueError on a negative price.

    A bucket without its own price costs what the bucket around it costs: cached and cache-written
    tokens as input, reasoning as output. Without a price for input (output) a usage that has such
    tokens has no price at all.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    request: Decimal = Decimal(0)

    _per_token: tuple[Decimal | None, ...] = field(init=False, repr=False, compare=False)
    """US dollars of one token of each bucket, in the order of `Usage`."""

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input", "cache_write", "reasoning", "request"):
            value = getattr(self, name)
            if value is not None and not (value.is_finite() and value >= 0):
                raise ValueError(f"the price of {name} must be zero or more, not {value}")
        per_token = (
            _per_token(self.input),
            _per_token(self.cached_input, self.input),
            _per_token(self.cache_write, self.input),
            _per_token(self.output),
            _per_token(self.reasoning, self.output),
        )
        object.__setattr__(self, "_per_token", per_token)

    def cost_usd(self, usage: Usage) -> Decimal | None:
        """What one request of this usage costs; None if a bucket that it filled has no price."""
        total, reasoning = self.request, min(usage.reasoning_tokens, usage.output_tokens)
        counts = (
            usage.input_tokens,
            usage.cached_input_tokens,
            usage.cache_write_tokens,
            usage.output_tokens - reasoning,
            reasoning,
        )
        for tokens, price in zip(counts, self._per_token, strict=True):
            if tokens == 0:
                continue
            if price is None:
                return None
            total += tokens * price
        return total


def _per_token(price: Decimal | None, otherwise: Decimal | None = None) -> Decimal | None:
    chosen = otherwise if price is None else price
    return None if chosen is None else chosen / _MILLION


@dataclass(frozen=True, slots=True)
class PriceTier:
    """Prices of requests with more than `above_input_tokens` tokens of input (cached and written ones included)."""

    above_input_tokens: int
    prices: UnitPrices


@dataclass(frozen=True, slots=True)
class PriceSheet:
    """A model's prices. Crossing a tier's start reprices the whole request, as the providers do."""

    base: UnitPrices
    tiers: tuple[PriceTier, ...] = ()
    """In ascending order of their start."""

    def cost_usd(self, usage: Usage) -> Decimal | None:
        tokens = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
        prices = self.base
        for tier in self.tiers:
            if tokens > tier.above_input_tokens:
                prices = tier.prices
        return prices.cost_usd(usage)
