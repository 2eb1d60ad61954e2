"""What a request wants of its channel, on which route, and what it is told when there is none. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from foreroute.core.channel import Channel, Dialect
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Route, Select
from foreroute.core.work import Work
from foreroute.gateway.affinity import Affinity
from foreroute.gateway.narrow import Knowledge, Wants, narrowed
from foreroute.gateway.residency import Regions, common
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Endpoint
from foreroute.gateway.wire.preferences import Sort
from foreroute.gateway.wire.request import ModelRequest

_SORTS: Final = {
    Select.PRICE: Sort.PRICE,
    Select.LATENCY: Sort.LATENCY,
    Select.THROUGHPUT: Sort.THROUGHPUT,
}


def wants_of(
    request: ModelRequest,
    first: Route,
    regions: Regions | None,
    affinity: Affinity,
    channels: Mapping[ChannelId, Channel],
) -> Wants:
    """`first`: the first of its routes; `regions`: where the caller's requests may be served."""
    pinned = affinity.channel_of(request.follows) if request.follows is not None else None
    if pinned is None and request.endpoint is Endpoint.OPAQUE and request.body_model is None:
        pinned = home(first, channels, regions)
    return Wants(
        dialect=request.endpoint.dialect,
        endpoint=request.endpoint,
        preferences=request.preferences,
        regions=regions,
        pinned=pinned,
        work=Work(request.input_tokens, 0, request.stream, request.tools),
        output_tokens_max=request.output_tokens_max,
    )


def on_route(wants: Wants, route: Route) -> Wants:
    """With the route's own order, for a request that wishes none, and within the route's regions."""
    if route.regions:
        wants = replace(wants, regions=common(route.regions, wants.regions))
    sort = _SORTS.get(route.select)
    if sort is None or wants.preferences.sort is not None or wants.preferences.order:
        return wants
    return replace(wants, preferences=replace(wants.preferences, sort=sort))


def home(
    route: Route, channels: Mapping[ChannelId, Channel], regions: Regions | None = None
) -> ChannelId | None:
    """Always the same channel, for requests that name neither a model nor an object: what they make is there."""
    able = [
        target
        for target in route.targets
        if (channel := channels.get(target.channel))
        and channel.dialect is Dialect.OPENAI
        and channel.adapter is None
        and (regions is None or channel.region in regions)
    ]
    return min(able, key=lambda target: (target.priority, -target.weight)).channel if able else None


def none_fits(routes: Iterable[Route], wants: Wants, known: Knowledge) -> ErrorAnswer:
    """Why no channel was asked: they are elsewhere, or cannot do what is wanted."""
    routes = list(routes)
    anywhere = replace(wants, regions=None)
    if wants.regions is not None and any(narrowed(route, anywhere, known).targets for route in routes):
        return errors.must_stay(routes[0].name, sorted(wants.regions))
    return errors.no_match(routes[0].name, wants.dialect)
