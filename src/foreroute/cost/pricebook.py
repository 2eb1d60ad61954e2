"""Prices from the bundled data of `genai-prices`, under the operator's own prices. Never fetches anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Literal

from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.extras import Extra
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Price
from foreroute.cost.unit_prices import PriceSheet, PriceTier, UnitPrices

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

CONFIG: Final = "config"
GENAI_PRICES: Final = "genai-prices"
UNPRICED: Final = "unpriced"

STANDARD_TIERS: Final = frozenset({"", "auto", "default", "on_demand", "standard", "standard_only"})
"""What providers call the tier that nothing was asked of."""
_RESOLVED_MAX: Final = 10_000
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


_SOLD_BY: Final = frozenset({"input_mtok", "output_mtok", "audio_hours", "rerank_searches_kcount"})
_EXTRAS: Final[Mapping[Extra, tuple[str, int]]] = {
    Extra.INPUT_AUDIO: ("input_audio_mtok", 1),
    Extra.INPUT_IMAGE: ("input_image_mtok", 1),
    Extra.INPUT_VIDEO: ("input_video_mtok", 1),
    Extra.CACHED_AUDIO: ("cache_audio_read_mtok", 1),
    Extra.CACHED_IMAGE: ("cache_image_read_mtok", 1),
    Extra.WRITTEN_1H: ("cache_write_1h_mtok", 1),
    Extra.OUTPUT_AUDIO: ("output_audio_mtok", 1),
    Extra.OUTPUT_IMAGE: ("output_image_mtok", 1),
    Extra.OUTPUT_VIDEO: ("output_video_mtok", 1),
    Extra.AUDIO_MS: ("audio_hours", 1),
    Extra.RERANKS: ("rerank_searches_kcount", 1000),
    Extra.STORAGE_SEARCHES: ("storage_searches_kcount", 1000),
    Extra.WEB_SEARCHES: ("web_searches_kcount", 1000),
}
"""The data's name of each price, and for how many of ours it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrices:
    """What the operator says that a channel costs. Raises ValueError on a ratio that is negative."""

    standard: UnitPrices
    tiers: Mapping[str, Decimal] = field(default_factory=dict)
    """By service tier, what its prices are relative to the standard ones, such as `{"flex": Decimal("0.5")}`."""

    def __post_init__(self) -> None:
        for tier, ratio in self.tiers.items():
            if not (ratio.is_finite() and ratio >= 0):
                raise ValueError(f"the price of the tier {tier} must be zero or more, not {ratio} times")

    def of(self, tier: str) -> UnitPrices | None:
        if tier in self.tiers:
            return self.standard.times(self.tiers[tier])
        return self.standard if tier in STANDARD_TIERS else None


@dataclass(frozen=True, slots=True)
class _Resolved:
    period: int
    sheet: PriceSheet | None


class GenaiPriceBook:
    """Prices of a channel: the operator's override if there is one, else the list price of its provider and model.

    An override of zero is a price of zero. A model that nobody lists has no price, which is not zero, and neither has
    a service tier that nobody lists. For one thread at a time.
    """

    def __init__(self, overrides: Mapping[ChannelId, UnitPrices | OwnPrices] | None = None) -> None:
        self._overrides = {
            name: one if isinstance(one, OwnPrices) else OwnPrices(standard=one)
            for name, one in (overrides or {}).items()
        }
        self._resolved: dict[tuple[ChannelId, str, str, str], _Resolved] = {}
        self._list_name = f"{GENAI_PRICES} {version(GENAI_PRICES)}"

    def cost_usd(
        self, channel: Channel, usage: Usage, at: float, *, tier: str = "", held_s: float = 0.0
    ) -> Price:
        prices, book = self.unit_prices(channel, usage, at, tier=tier)
        cost = None if prices is None else prices.cost_usd(usage, held_s)
        if prices is None or cost is None:
            return _NO_PRICE
        day = datetime.fromtimestamp(at, UTC).date().isoformat()
        shown = "" if tier in STANDARD_TIERS else tier
        name = self._list_name if book == GENAI_PRICES else book
        return Price(cost, book, prices.used(tier=shown, dated=day, book=name, usage=usage))

    def unit_prices(
        self, channel: Channel, usage: Usage, at: float, *, tier: str = ""
    ) -> tuple[UnitPrices | None, str]:
        """The prices of a usage and where they come from; None where nobody lists any."""
        if (own := self._overrides.get(channel.id)) is not None:
            return own.of(tier), CONFIG
        sheet = self._sheet(channel, at, "" if tier in STANDARD_TIERS else tier)
        return (None, UNPRICED) if sheet is None else (sheet.for_usage(usage), GENAI_PRICES)

    def _sheet(self, channel: Channel, at: float, tier: str) -> PriceSheet | None:
        key, period = (channel.id, channel.provider, channel.model, tier), int(at // _RESOLVE_EVERY_S)
        known = self._resolved.get(key)
        if known is None or known.period != period:
            if len(self._resolved) > _RESOLVED_MAX:  # tiers are named by clients
                self._resolved.clear()
            known = self._resolved[key] = _Resolved(period, _list_prices(channel, at, tier))
        return known.sheet


def _list_prices(channel: Channel, at: float, tier: str) -> PriceSheet | None:
    model = _find(channel)
    if model is None:
        return None
    when = {"processing": "batch"} if tier == "batch" else {"service_tier": tier}
    moment = datetime.fromtimestamp(at, UTC)
    if not tier:
        return _sheet_of(model.get_prices(moment))
    listed = any(
        dict(one.when) == when and (one.constraint is None or one.constraint.active(moment))
        for one in model.price_variants or ()
    )
    return _sheet_of(model.get_prices(moment, when)) if listed else None


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
    """None for a model that is sold in units that no answer reports: by the page, by the character."""
    keys = (*_KEYS.values(), *(key for key, _ in _EXTRAS.values()))
    found = {key: value for key in keys if (value := getattr(price, key)) is not None}
    if not found.keys() & _SOLD_BY:
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
    buckets: dict[str, Any] = {bucket: at_tier(key) for bucket, key in _KEYS.items()}
    extras = {extra: (at_tier(key), many) for extra, (key, many) in _EXTRAS.items()}
    return UnitPrices(
        **buckets,
        extras={extra: price / many for extra, (price, many) in extras.items() if price is not None},
        request=Decimal(0) if per_thousand is None else per_thousand / 1000,
    )
