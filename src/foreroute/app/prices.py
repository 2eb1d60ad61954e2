"""Settings to the price book."""

from decimal import Decimal

from foreroute.core.attempt import Usage
from foreroute.core.ids import ChannelId
from foreroute.cost.period_forecast import RequestPrice
from foreroute.cost.pricebook import GenaiPriceBook, OwnPrices
from foreroute.cost.unit_prices import UnitPrices
from foreroute.settings.convert import channels_of
from foreroute.settings.model import LimitSettings, PriceSettings, Settings


def price_book(settings: Settings) -> GenaiPriceBook:
    own = {
        ChannelId(one.id): _own(one.price, one.limits) for one in settings.channels if one.price is not None
    }
    return GenaiPriceBook(own)


def request_price(settings: Settings, at: float) -> RequestPrice:
    """What a request costs on a channel of the configuration at this instant."""
    book, channels = price_book(settings), {one.id: one for one in channels_of(settings)}

    def price(name: str, usage: Usage) -> Decimal | None:
        channel = channels.get(ChannelId(name))
        return None if channel is None else book.cost_usd(channel, usage, at).cost_usd

    return price


def _own(price: PriceSettings, limits: LimitSettings) -> OwnPrices:
    """A price by the hour alone has tokens for nothing; without `limits.concurrency` the machine is one place."""
    by_hour = price.usd_per_hour is not None
    nothing = Decimal(0) if by_hour else None
    return OwnPrices(
        standard=UnitPrices(
            input=nothing if price.input_usd_per_mtok is None else price.input_usd_per_mtok,
            output=nothing if price.output_usd_per_mtok is None else price.output_usd_per_mtok,
            cached_input=price.cached_input_usd_per_mtok,
            cache_write=price.cache_write_usd_per_mtok,
            reasoning=price.reasoning_usd_per_mtok,
            request=price.request_usd,
            place_hour=(price.usd_per_hour or Decimal(0)) / (limits.concurrency or 1),
        ),
        tiers=price.tiers,
    )
