from decimal import Decimal

from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.findings import ChannelCost
from foreroute.core.ids import ChannelId, RegionId
from foreroute.core.rollup import Rollup
from foreroute.cost.pricebook import GenaiPriceBook
from foreroute.cost.unit_prices import UnitPrices
from foreroute.cost.usage_mix import average_usage, channel_costs


def channel(name: str) -> Channel:
    return Channel(
        id=ChannelId(name),
        provider="nobody",
        cloud="c",
        region=RegionId("r"),
        model="m",
        base_url="http://x/v1",
    )


def rollup(name: str, successes: int, usage: Usage) -> Rollup:
    return Rollup(
        channel=ChannelId(name),
        window_start=0.0,
        source="s",
        attempts=successes + 1,
        successes=successes,
        usage=usage,
    )


BOOK = GenaiPriceBook(
    {
        ChannelId("dear"): UnitPrices(input=Decimal(10), output=Decimal(40)),
        ChannelId("cheap"): UnitPrices(input=Decimal(1), output=Decimal(4)),
        ChannelId("free"): UnitPrices(input=Decimal(0), output=Decimal(0)),
    }
)
CHANNELS = [channel(name) for name in ("dear", "cheap", "free", "unlisted")]


def test_every_channel_is_priced_with_the_same_mix_served_or_not():
    rollups = [rollup("dear", 3, Usage(3000, 0, 0, 600)), rollup("cheap", 1, Usage(1000, 0, 0, 200))]
    assert channel_costs(0.0, rollups, CHANNELS, BOOK) == (
        ChannelCost(channel=ChannelId("dear"), usd_per_request=Decimal("0.018"), attempts=4),
        ChannelCost(channel=ChannelId("cheap"), usd_per_request=Decimal("0.0018"), attempts=2),
        ChannelCost(channel=ChannelId("free"), usd_per_request=Decimal(0), attempts=0),
        ChannelCost(channel=ChannelId("unlisted"), usd_per_request=None, attempts=0),
    )


def test_a_channel_is_priced_with_the_traffic_of_its_own_routes():
    rollups = [rollup("dear", 1, Usage(1000)), rollup("cheap", 1, Usage(10))]
    groups = [{ChannelId("dear"), ChannelId("free")}, {ChannelId("cheap")}]
    costs = channel_costs(0.0, rollups, CHANNELS[:2], BOOK, groups=groups)
    assert [cost.usd_per_request for cost in costs] == [Decimal("0.01"), Decimal("0.00001")]


def test_without_traffic_there_is_no_mix():
    assert average_usage([]) is None
    assert average_usage([rollup("dear", 0, Usage())]) is None
    assert {cost.usd_per_request for cost in channel_costs(0.0, [], CHANNELS, BOOK)} == {None}
