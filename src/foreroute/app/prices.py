"""Settings to the price book, and to the one who makes ledger rows with it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from foreroute.core.attempt import Attempt, Usage
from foreroute.core.channel import Channel
from foreroute.core.extras import Extra
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import LedgerEntry
from foreroute.core.ports import CostedStore, PriceBook, Store
from foreroute.cost.allowance import Allowance, FreeUse, windows_of
from foreroute.cost.ledger import price_attempts
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


class LedgerPricer:
    """Attempts to ledger rows: at their price, less what is free. Each attempt is to be priced once."""

    def __init__(
        self, channels: Mapping[ChannelId, Channel], prices: PriceBook, free: Mapping[ChannelId, Allowance]
    ) -> None:
        self._channels, self._prices, self._free = channels, prices, FreeUse(free)

    async def begin(self, store: Store, at: float) -> None:
        """Reads what has been used of the allowances. Raises StoreError."""
        free = self._free
        if free.allowances and isinstance(store, CostedStore):
            windows = [(one.start_at, one.end_at) for one in windows_of(free.allowances, at)]
            free.begin([cell for one in windows for cell in await store.costs.cells([one])], at)

    def __call__(self, attempts: Sequence[Attempt]) -> Sequence[LedgerEntry]:
        return self._free.take(price_attempts(attempts, self._channels, self._prices))


def allowances_of(settings: Settings) -> dict[ChannelId, Allowance]:
    return {
        ChannelId(one.id): Allowance(**one.free.model_dump())
        for one in settings.channels
        if one.free is not None
    }


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
    extras = {
        Extra.INPUT_AUDIO: price.input_audio_usd_per_mtok,
        Extra.INPUT_IMAGE: price.input_image_usd_per_mtok,
        Extra.OUTPUT_AUDIO: price.output_audio_usd_per_mtok,
        Extra.OUTPUT_IMAGE: price.output_image_usd_per_mtok,
        Extra.IMAGES: price.image_usd,
        Extra.AUDIO_MS: price.audio_usd_per_hour,
        Extra.RERANKS: price.rerank_usd,
        Extra.WEB_SEARCHES: price.web_search_usd,
    }
    return OwnPrices(
        standard=UnitPrices(
            input=nothing if price.input_usd_per_mtok is None else price.input_usd_per_mtok,
            output=nothing if price.output_usd_per_mtok is None else price.output_usd_per_mtok,
            cached_input=price.cached_input_usd_per_mtok,
            cache_write=price.cache_write_usd_per_mtok,
            reasoning=price.reasoning_usd_per_mtok,
            request=price.request_usd,
            place_hour=(price.usd_per_hour or Decimal(0)) / (limits.concurrency or 1),
            extras={extra: one for extra, one in extras.items() if one is not None},
        ),
        tiers=price.tiers,
    )
