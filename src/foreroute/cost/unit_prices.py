"""What a model charges, and what a usage costs at that. Exact: decimal arithmetic, no rounding."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
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

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not (value.is_finite() and value >= 0):
                raise ValueError(f"the price of {field.name} must be zero or more, not {value}")

    def cost_usd(self, usage: Usage) -> Decimal | None:
        """What one request of this usage costs; None if a bucket that it filled has no price."""
        total = self.request
        for tokens, price in self._buckets(usage):
            if tokens == 0:
                continue
            if price is None:
                return None
            total += tokens * price / _MILLION
        return total

    def _buckets(self, usage: Usage) -> Iterator[tuple[int, Decimal | None]]:
        reasoning = min(usage.reasoning_tokens, usage.output_tokens)
        yield usage.input_tokens, self.input
        yield usage.cached_input_tokens, _first(self.cached_input, self.input)
        yield usage.cache_write_tokens, _first(self.cache_write, self.input)
        yield usage.output_tokens - reasoning, self.output
        yield reasoning, _first(self.reasoning, self.output)


def _first(price: Decimal | None, otherwise: Decimal | None) -> Decimal | None:
    return otherwise if price is None else price


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
