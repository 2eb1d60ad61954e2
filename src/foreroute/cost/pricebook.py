"""Prices from the bundled data of `genai-prices`, under the operator's own prices. Never fetches anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Price
from foreroute.cost.unit_prices import PriceSheet, PriceTier, UnitPrices

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

CONFIG: Final = "config"
GENAI_PRICES: Final = "genai-prices"
UNPRICED: Final = "unpriced"

_NO_PRICE: Final = Price(None, UNPRICED)
_RESOLVE_EVERY_S: Final = 900.0
"""Some models cost less at night: their prices change on quarters of an hour, so no resolved price is older."""

_Bucket = Literal["input", "output", "cached_input", "cache_write", "reasoning"]
_KEYS: Final[Mapping[_Bucket, str]] = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "reasoning": "output_reasoning_mtok",
}


@dataclass(frozen=True, slots=True)
class _Resolved:
    period: int
    sheet: PriceSheet | None


class GenaiPriceBook:
    """Prices of a channel: the operator's override if there is one, else the list price of its provider and model.

    An override of zero is a price of zero. A model that nobody lists has no price, which is not zero.
    For one thread at a time.
    """

    def __init__(self, overrides: Mapping[ChannelId, UnitPrices] | None = None) -> None:
        self._overrides = dict(overrides or {})
        self._resolved: dict[tuple[ChannelId, str, str], _Resolved] = {}

    def cost_usd(self, channel: Channel, usage: Usage, at: float) -> Price:
        if (own := self._overrides.get(channel.id)) is not None:
            return _price(own.cost_usd(usage), CONFIG)
        sheet = self._sheet(channel, at)
        return _NO_PRICE if sheet is None else _price(sheet.cost_usd(usage), GENAI_PRICES)

    def _sheet(self, channel: Channel, at: float) -> PriceSheet | None:
        key, period = (channel.id, channel.provider, channel.model), int(at // _RESOLVE_EVERY_S)
        known = self._resolved.get(key)
        if known is None or known.period != period:
            known = self._resolved[key] = _Resolved(period, _list_prices(channel, at))
        return known.sheet


def _price(cost_usd: Decimal | None, source: str) -> Price:
    return _NO_PRICE if cost_usd is None else Price(cost_usd, source)


def _list_prices(channel: Channel, at: float) -> PriceSheet | None:
    model = _find(channel)
    return None if model is None else _sheet_of(model.get_prices(datetime.fromtimestamp(at, UTC)))


def _find(channel: Channel) -> "ModelInfo | None":
    """By the provider's name; for a name that the data does not know, by the address that is called."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - 1.6 MB of prices: only when asked

    snapshot = get_snapshot()
    for provider, url in ((channel.provider, None), (None, channel.base_url)):
        try:
            return snapshot.find_provider_model(channel.model, None, provider, url)[1]
        except LookupError:
            continue
    return None


def _sheet_of(price: "ModelPrice") -> PriceSheet | None:
    """None for a model that is not sold by text tokens (by the hour of audio, by the page)."""
    found = {bucket: getattr(price, key) for bucket, key in _KEYS.items()}
    if found["input"] is None and found["output"] is None:
        return None
    starts = sorted({tier.start for value in found.values() for tier in getattr(value, "tiers", ())})
    tiers = tuple(PriceTier(start, _unit_prices(price, start)) for start in starts)
    return PriceSheet(_unit_prices(price, None), tiers)


def _unit_prices(price: "ModelPrice", start: int | None) -> UnitPrices:
    """The prices above a tier's start; None: below all tiers."""

    def at_tier(key: str) -> Decimal | None:
        value = getattr(price, key)
        if value is None or isinstance(value, Decimal):
            return value
        reached = [tier.price for tier in value.tiers if start is not None and tier.start <= start]
        return Decimal(reached[-1] if reached else value.base)

    per_thousand = at_tier("requests_kcount")
    return UnitPrices(
        **{bucket: at_tier(key) for bucket, key in _KEYS.items()},
        request=Decimal(0) if per_thousand is None else per_thousand / 1000,
    )
