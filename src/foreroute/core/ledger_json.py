"""What a ledger row keeps beside its attempt, as plain values and back: who was called, and at which prices."""

from decimal import Decimal
from typing import Any, Final

from foreroute.core.ledger import NOBODY, Seller, UsedPrices

_MONEY: Final = ("input", "cached_input", "cache_write", "output", "reasoning", "request", "place_second")
_TEXTS: Final = ("tier", "dated", "book")


def meter_fields(seller: Seller, prices: UsedPrices | None) -> dict[str, Any]:
    """Empty for a row that knows neither."""
    fields: dict[str, Any] = {}
    if seller != NOBODY:
        fields["seller"] = [seller.provider, seller.cloud, seller.region, seller.model]
    if prices is not None:
        fields["prices"] = prices_fields(prices)
    return fields


def prices_fields(prices: UsedPrices) -> dict[str, Any]:
    """Only what is set; money as text, exactly."""
    money: dict[str, Any] = {
        name: str(value) for name in _MONEY if (value := getattr(prices, name)) is not None
    }
    if prices.extras:
        money["extras"] = {name: str(value) for name, value in prices.extras}
    if prices.free_ratio:
        money["free_ratio"] = str(prices.free_ratio)
    return money | {name: value for name in _TEXTS if (value := getattr(prices, name))}


def seller_of(fields: dict[str, Any]) -> Seller:
    return Seller(*fields["seller"]) if "seller" in fields else NOBODY


def prices_of(fields: dict[str, Any]) -> UsedPrices | None:
    found = fields.get("prices")
    if found is None:
        return None
    money: dict[str, Any] = {name: Decimal(found[name]) for name in _MONEY if name in found}
    if "extras" in found:
        money["extras"] = tuple((name, Decimal(value)) for name, value in found["extras"].items())
    if "free_ratio" in found:
        money["free_ratio"] = Decimal(found["free_ratio"])
    return UsedPrices(**money, **{name: found[name] for name in _TEXTS if name in found})
