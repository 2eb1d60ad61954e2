"""What the traffic of late would cost on each channel: the same tokens at each channel's prices."""

from collections.abc import Collection, Iterable, Sequence

from foreroute.core.attempt import NO_USAGE, Usage
from foreroute.core.channel import Channel
from foreroute.core.findings import ChannelCost
from foreroute.core.ids import ChannelId
from foreroute.core.ports import PriceBook
from foreroute.core.rollup import Rollup


def channel_costs(
    at: float,
    rollups: Sequence[Rollup],
    channels: Sequence[Channel],
    prices: PriceBook,
    *,
    groups: Sequence[Collection[ChannelId]] = (),
) -> tuple[ChannelCost, ...]:
    """The price of the average request of the mix on every channel, in the order of `channels`.

    `groups` are the channels of each route: a channel is priced with the traffic of the routes that it
    serves, so that embeddings do not make a chat model look cheap. A channel in no group, and every
    channel when there are no groups, is priced with all traffic. Without traffic there is no mix, hence
    no cost. Tiered prices are read at the average request's length.
    """
    return tuple(_channel_cost(at, rollups, channel, prices, groups) for channel in channels)


def average_usage(rollups: Iterable[Rollup]) -> Usage | None:
    """Tokens of the average successful request, rounded to whole tokens; None without any."""
    total, requests = NO_USAGE, 0
    for rollup in rollups:
        total, requests = total + rollup.usage, requests + rollup.successes
    if requests == 0 or total == NO_USAGE:
        return None
    return Usage(
        round(total.input_tokens / requests),
        round(total.cached_input_tokens / requests),
        round(total.cache_write_tokens / requests),
        round(total.output_tokens / requests),
        round(total.reasoning_tokens / requests),
    )


def _channel_cost(
    at: float,
    rollups: Sequence[Rollup],
    channel: Channel,
    prices: PriceBook,
    groups: Sequence[Collection[ChannelId]],
) -> ChannelCost:
    kin = {member for group in groups if channel.id in group for member in group}
    mix = average_usage(rollup for rollup in rollups if not kin or rollup.channel in kin)
    return ChannelCost(
        channel=channel.id,
        usd_per_request=None if mix is None else prices.cost_usd(channel, mix, at).cost_usd,
        attempts=sum(rollup.attempts for rollup in rollups if rollup.channel == channel.id),
    )
