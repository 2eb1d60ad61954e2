"""A world learnt from an operator's own store: the configured channels as their minutes show them, and their traffic.

What was measured at the gateway holds the way to the channel already, so such a world has no distances.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

from foreroute.app.prices import price_book
from foreroute.core.attempt import Usage
from foreroute.core.channel import Channel
from foreroute.core.errors import TooLittleHistory
from foreroute.core.ids import ChannelId
from foreroute.core.ports import PriceBook, Store
from foreroute.core.rollup import Rollup
from foreroute.settings import Settings
from foreroute.settings.convert import channels_of
from foreroute.simulate.calibrate import Calibration, calibrate, learn
from foreroute.simulate.fit_channel import REQUESTS_MIN
from foreroute.simulate.observed import Observed
from foreroute.simulate.observed_rollups import observed_of
from foreroute.simulate.units import write_seconds
from foreroute.simulate.world_schema import ChannelSpec, WorldSpec

_MILLION: Final = 1_000_000


async def learnt_world(settings: Settings, store: Store, start_at: float, end_at: float) -> WorldSpec:
    """Of one span of the history. A channel that has too little of its own behaves as the others do at the median.

    Raises TooLittleHistory.
    """
    rollups = await store.rollups.read(start_at=start_at, end_at=end_at)
    found = _configured(settings, rollups)
    able = [one for one in found if one.weights.sum() >= REQUESTS_MIN and len(one) >= REQUESTS_MIN // 2]
    if not able:
        raise TooLittleHistory(
            f"the store holds no channel with {REQUESTS_MIN} requests in that time: there is nothing to learn from"
        )
    known = _known(settings, end_at)
    world = learn(able, found, end_at, start_at=start_at, known=known)
    return _completed(settings, world, known, rollups)


async def calibrated(settings: Settings, store: Store, start_at: float, end_at: float) -> Calibration:
    """The same with a part of the time held out, and compared. Raises TooLittleHistory."""
    rollups = await store.rollups.read(start_at=start_at, end_at=end_at)
    return calibrate(_configured(settings, rollups), known=_known(settings, end_at))


def _configured(settings: Settings, rollups: Sequence[Rollup]) -> list[Observed]:
    names = {channel.id for channel in settings.channels}
    return [one for one in observed_of(rollups) if one.channel in names]


def _known(settings: Settings, at: float) -> dict[str, dict[str, Any]]:
    """What the configuration says of each channel, as a world's file would."""
    prices = price_book(settings)
    return {channel.id: _facts(channel, prices, at) for channel in channels_of(settings)}


def _facts(channel: Channel, prices: PriceBook, at: float) -> dict[str, Any]:
    limits = {
        "requests_per_minute": channel.requests_per_minute_max,
        "tokens_per_minute": channel.tokens_per_minute_max,
        "concurrency": channel.concurrency_max,
    }
    inputs = prices.cost_usd(channel, Usage(input_tokens=1000), at).cost_usd
    outputs = prices.cost_usd(channel, Usage(output_tokens=1000), at).cost_usd
    facts: dict[str, Any] = {
        "provider": channel.provider,
        "cloud": channel.cloud,
        "region": channel.region,
        "model": channel.model,
        "limits": {name: value for name, value in limits.items() if value is not None},
    }
    if inputs is not None and outputs is not None:
        per_million = _MILLION // 1000
        facts["price"] = {
            "input_usd_per_mtok": inputs * per_million,
            "output_usd_per_mtok": outputs * per_million,
        }
    return facts


def _completed(
    settings: Settings, world: WorldSpec, known: Mapping[str, Mapping[str, Any]], rollups: Sequence[Rollup]
) -> WorldSpec:
    """With every configured channel and route: whoever routes in it has the whole configuration."""
    there = {channel.id: channel for channel in world.channels}
    channels = [there.get(one.id) or _typical(one.id, known[one.id], world) for one in settings.channels]
    shares = _shares(settings, rollups)
    routes = [
        {
            "model": route.model,
            "share": shares[route.model],
            "attempts_max": route.attempts_max,
            "targets": [target.model_dump() for target in route.targets],
            **(
                {
                    "objective": {
                        "metric": route.objective.metric.value,
                        "limit": write_seconds(route.objective.limit),
                    }
                }
                if route.objective
                else {}
            ),
        }
        for route in settings.routes
    ]
    document = world.model_dump(mode="json", by_alias=True)
    document |= {
        "channels": [one.model_dump(mode="json", by_alias=True) for one in channels],
        "routes": routes,
    }
    return WorldSpec.model_validate(document)


def _typical(name: str, facts: Mapping[str, Any], world: WorldSpec) -> ChannelSpec:
    """A channel of which nothing was seen."""
    first_s = median(channel.first_chunk for channel in world.channels)
    token_s = median(channel.per_token for channel in world.channels)
    return ChannelSpec.model_validate(
        {"id": name, **facts, "first_chunk": write_seconds(first_s), "per_token": write_seconds(token_s)}
    )


def _shares(settings: Settings, rollups: Sequence[Rollup]) -> dict[str, float]:
    """Of each route in the traffic: a channel's attempts are its routes' in equal parts."""
    attempts: dict[ChannelId, int] = {}
    for rollup in rollups:
        if not rollup.segment:
            attempts[rollup.channel] = attempts.get(rollup.channel, 0) + rollup.attempts
    served: dict[str, int] = {}
    for route in settings.routes:
        for target in route.targets:
            served[target.channel] = served.get(target.channel, 0) + 1
    return {
        route.model: max(
            1e-6,
            sum(attempts.get(ChannelId(one.channel), 0) / served[one.channel] for one in route.targets),
        )
        for route in settings.routes
    }
