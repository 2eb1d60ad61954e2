"""What a model charges, and what a usage costs at that. Exact: decimal arithmetic, no rounding."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from foreroute.core.attempt import Usage
from foreroute.core.extras import PART_OF, Extra
from foreroute.core.ledger import UsedPrices

_MILLION: Final = Decimal(1_000_000)
_BUCKETS: Final = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens")
PIECE_UNITS: Final[Mapping[Extra, int]] = {Extra.AUDIO_MS: 3_600_000}
"""How many pieces a price is for, where that is not one: an hour of audio."""
_NAMES: Final = ("input", "output", "cached_input", "cache_write", "reasoning", "request", "place_hour")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrices:
    """US dollars per million tokens of each bucket, and per request. Raises ValueError on a negative price.

    A bucket without its own price costs what the bucket around it costs: cached and cache-written
    tokens as input, reasoning as output; and so do audio, images and the like inside a bucket. Without a price for
    input (output) a usage that has such tokens has no price at all, nor has one with pieces that have none.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    request: Decimal = Decimal(0)
    place_hour: Decimal = Decimal(0)
    """US dollars per hour that one of the channel's places is taken: a rented machine's price over its places."""
    extras: Mapping[Extra, Decimal] = field(default_factory=dict)
    """US dollars per million tokens of a part, per hour of audio, and per other piece."""

    _per_token: tuple[Decimal | None, ...] = field(init=False, repr=False, compare=False)
    """US dollars of one token of each bucket: input, cached, written, output, reasoning."""
    _used: UsedPrices = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asked = [(name, getattr(self, name)) for name in _NAMES] + list(self.extras.items())
        for name, value in asked:
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
        million = [None if price is None else (price * _MILLION).normalize() for price in per_token]
        names = ("input", "cached_input", "cache_write", "output", "reasoning")
        shown: dict[str, Any] = dict(zip(names, million, strict=True))
        place_second = self.place_hour / 3600
        used = UsedPrices(**shown, request=self.request, place_second=place_second)
        object.__setattr__(self, "_used", used)

    def times(self, ratio: Decimal) -> "UnitPrices":
        """All of them at another service tier."""
        scaled: dict[str, Any] = {
            name: None if (one := getattr(self, name)) is None else one * ratio for name in _NAMES
        }
        return UnitPrices(**scaled, extras={extra: price * ratio for extra, price in self.extras.items()})

    def used(self, *, tier: str, dated: str, book: str, usage: Usage | None = None) -> UsedPrices:
        """As the ledger keeps them: each bucket at what it costs, be it the price of the bucket around it, and of the
        extras those of the usage.
        """
        extras = () if usage is None else usage.extras
        priced = tuple((extra.value, self.extras[extra]) for extra, _ in extras if extra in self.extras)
        return replace(self._used, tier=tier, dated=dated, book=book, extras=priced)

    def cost_usd(self, usage: Usage, held_s: float = 0.0) -> Decimal | None:
        """What one request of this usage costs that took a place for `held_s` (≥ 0); None if a bucket that it filled
        has no price.
        """
        total, reasoning = self.request, min(usage.reasoning_tokens, usage.output_tokens)
        if self.place_hour:
            total += self.place_hour * Decimal(repr(held_s)) / 3600
        counts = [
            usage.input_tokens,
            usage.cached_input_tokens,
            usage.cache_write_tokens,
            usage.output_tokens - reasoning,
            reasoning,
        ]
        if usage.extras:
            extras = self._take_extras(usage, counts)
            if extras is None:
                return None
            total += extras
        for tokens, price in zip(counts, self._per_token, strict=True):
            if tokens == 0:
                continue
            if price is None:
                return None
            total += tokens * price
        return total

    def _take_extras(self, usage: Usage, counts: list[int]) -> Decimal | None:
        """What the extras cost; parts with a price of their own are taken out of their bucket's count."""
        total = Decimal(0)
        for extra, many in usage.extras:
            price, bucket = self.extras.get(extra), PART_OF.get(extra)
            if bucket is None:
                if price is None:
                    return None
                total += many * price / PIECE_UNITS.get(extra, 1)
            elif price is not None:
                place = _BUCKETS.index(bucket)
                taken = min(many, counts[place])
                counts[place] -= taken
                total += taken * price / _MILLION
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

    def for_usage(self, usage: Usage) -> UnitPrices:
        tokens = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
        prices = self.base
        for tier in self.tiers:
            if tokens > tier.above_input_tokens:
                prices = tier.prices
        return prices
