"""What the traffic of late would cost on each channel: the same tokens at each channel's prices."""

from collections.abc import Collection, Iterable, Sequence

from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.findings import ChannelCost
from foreroute.core.ids import ChannelId
from foreroute.core.ports import PriceBook
from foreroute.core.rollup import Rollup, by_channel


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
    mine = by_channel(rollups)
    # Channels of the same routes share a mix: it is summed up once, not once for each of them.
    mixes: dict[frozenset[ChannelId], Usage | None] = {}
    kins: dict[ChannelId, set[ChannelId]] = {}
    for group in groups:
        for member in group:
            kins.setdefault(member, set()).update(group)

    def mix_of(channel: ChannelId) -> Usage | None:
        kin = frozenset(kins.get(channel, ()))
        if kin not in mixes:
            members = kin or mine
            mixes[kin] = average_usage(one for member in members for one in mine.get(member, ()))
        return mixes[kin]

    def cost(channel: Channel) -> ChannelCost:
        mix = mix_of(channel.id)
        return ChannelCost(
            channel=channel.id,
            usd_per_request=None if mix is None else prices.cost_usd(channel, mix, at).cost_usd,
            attempts=sum(rollup.attempts for rollup in mine.get(channel.id, ())),
        )

    return tuple(cost(channel) for channel in channels)


def average_usage(rollups: Iterable[Rollup]) -> Usage | None:
    """Tokens of the average successful request, rounded to whole tokens; None without any."""
    found = list(rollups)
    requests = sum(rollup.successes for rollup in found)
    usages = [rollup.usage for rollup in found]
    totals = (
        sum(usage.input_tokens for usage in usages),
        sum(usage.cached_input_tokens for usage in usages),
        sum(usage.cache_write_tokens for usage in usages),
        sum(usage.output_tokens for usage in usages),
        sum(usage.reasoning_tokens for usage in usages),
    )
    if requests == 0 or not any(totals):
        return None
    return Usage(*(round(total / requests) for total in totals))
