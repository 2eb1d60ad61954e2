"""From attempts to ledger rows. Pure: the store keeps them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from foreroute.core.attempt import NO_USAGE, Attempt, Outcome, Usage
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId
from foreroute.core.ledger import NOBODY, LedgerEntry, Seller, Spend
from foreroute.core.ports import Price, PriceBook

_NO_PRICE: Final = Price(None, "unpriced")
_ONE_OF_EACH: Final = Usage(1, 1, 1, 1)
_NOTHING_SENT: Final = frozenset({Phase.DNS, Phase.CONNECT, Phase.TLS})


def price_attempts(
    attempts: Sequence[Attempt], channels: Mapping[ChannelId, Channel], prices: PriceBook
) -> tuple[LedgerEntry, ...]:
    """One row per attempt, in order; the attempt in the row carries its cost too."""
    return tuple(_entry(attempt, channels.get(attempt.channel), prices) for attempt in attempts)


def total_spend(spends: Iterable[Spend]) -> Spend:
    """The sum of several groups."""
    total = Spend()
    for spend in spends:
        total = Spend(
            attempts=total.attempts + spend.attempts,
            cost_usd=total.cost_usd + spend.cost_usd,
            unpriced_attempts=total.unpriced_attempts + spend.unpriced_attempts,
            input_tokens=total.input_tokens + spend.input_tokens,
            output_tokens=total.output_tokens + spend.output_tokens,
        )
    return total


def _entry(attempt: Attempt, channel: Channel | None, prices: PriceBook) -> LedgerEntry:
    price = _NO_PRICE if channel is None else _price(attempt, channel, prices)
    return LedgerEntry(
        attempt=attempt.priced(price.cost_usd),
        cost_usd=price.cost_usd,
        price_source=price.source,
        seller=NOBODY
        if channel is None
        else Seller(channel.provider, channel.cloud, channel.region, channel.model),
        prices=price.used,
    )


def _price(attempt: Attempt, channel: Channel, prices: PriceBook) -> Price:
    """Tokens that nobody reported cost an unknown sum, unless the channel is free or nothing was billed."""
    at, tier = attempt.started_at, attempt.tier
    if attempt.usage != NO_USAGE:
        return prices.cost_usd(channel, attempt.usage, at, tier=tier, held_s=attempt.duration_s)
    unit = prices.cost_usd(channel, _ONE_OF_EACH, at, tier=tier)
    if unit.cost_usd is None:
        return unit
    if unit.cost_usd == 0:  # free, or by the hour alone
        return prices.cost_usd(channel, NO_USAGE, at, tier=tier, held_s=attempt.duration_s)
    return _NO_PRICE if _may_be_billed(attempt) else replace(unit, cost_usd=unit.cost_usd * 0)


def _may_be_billed(attempt: Attempt) -> bool:
    """Work that may have been done: an answer that began, a wait that we cut, a client that left."""
    if attempt.status is not None:
        return attempt.status < 300
    if attempt.phase in _NOTHING_SENT:
        return False
    return attempt.failure_class is FailureClass.TIMEOUT_READ or attempt.outcome in {
        Outcome.SUCCESS,
        Outcome.IGNORED,
    }
