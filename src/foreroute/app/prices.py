"""Settings to the price book."""

from foreroute.core.ids import ChannelId
from foreroute.cost.pricebook import GenaiPriceBook
from foreroute.cost.unit_prices import UnitPrices
from foreroute.settings.model import PriceSettings, Settings


def price_book(settings: Settings) -> GenaiPriceBook:
    own = {ChannelId(c.id): _unit_prices(c.price) for c in settings.channels if c.price is not None}
    return GenaiPriceBook(own)


def _unit_prices(price: PriceSettings) -> UnitPrices:
    return UnitPrices(
        input=price.input_usd_per_mtok,
        output=price.output_usd_per_mtok,
        cached_input=price.cached_input_usd_per_mtok,
        cache_write=price.cache_write_usd_per_mtok,
    )
