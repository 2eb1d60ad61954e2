"""Settings to what moves traffic between regions."""

from foreroute.app.data_plane import topology_of
from foreroute.control.spread import Own, Spread, SpreadSettings
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.decide.guardrails import Guardrails
from foreroute.regions.topology import Topology
from foreroute.settings.convert import channels_of
from foreroute.settings.model import Settings

_UNKNOWN_S = 1.0
"""Farther than any region whose round trip is known."""


def spread_of(settings: Settings, rails: Guardrails) -> Spread | None:
    """None where no route prefers the nearest."""
    near = {
        RouteName(route.model): {
            ChannelId(one.channel): Own(one.weight, one.priority) for one in route.targets
        }
        for route in settings.routes
        if route.prefer == "nearest"
    }
    if not near:
        return None
    topology = topology_of(settings)
    return Spread(
        SpreadSettings(
            home=topology.home,
            delay_s={region: _delay_s(topology, region) for region in topology.regions},
            near=near,
            channels={channel.id: channel for channel in channels_of(settings)},
            rails=rails,
        )
    )


def _delay_s(topology: Topology, region: RegionId) -> float:
    """The round trip; regions of which nothing is known come after all others, in the order listed."""
    known = topology.round_trip_s(region)
    return _UNKNOWN_S * (1 + topology.rank(region)) if known is None else known
