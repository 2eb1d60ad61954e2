"""Regions that are named somewhere must be known."""

from collections.abc import Collection, Iterator

from foreroute.settings.document import Path, Problem
from foreroute.settings.hints import did_you_mean
from foreroute.settings.model import Settings

Named = tuple[Path, str]


def region_problems(settings: Settings) -> Iterator[Problem]:
    """Where requests are served, regions must have channels; once regions are listed, nobody may name others."""
    listed = [region.name for region in settings.regions]
    serving = listed or sorted({channel.region for channel in settings.channels})
    yield from _unknown(_of_users(settings), serving)
    if listed:
        yield from _unknown(_of_places(settings), listed)


def _of_users(settings: Settings) -> Iterator[Named]:
    for country, name in settings.geo.countries.items():
        yield ("geo", "countries", country), name
    for tag, names in settings.residency.items():
        yield from ((("residency", tag, number), name) for number, name in enumerate(names))
    for number, route in enumerate(settings.routes):
        yield from ((("routes", number, "regions", index), name) for index, name in enumerate(route.regions))


def _of_places(settings: Settings) -> Iterator[Named]:
    for index, channel in enumerate(settings.channels):
        yield ("channels", index, "region"), channel.region
    for index, region in enumerate(settings.regions):
        yield from ((("regions", index, "round_trip", other), other) for other in region.round_trip)
    if settings.gateway.region is not None:
        yield ("gateway", "region"), settings.gateway.region


def _unknown(named: Iterator[Named], known: Collection[str]) -> Iterator[Problem]:
    for path, name in named:
        if name not in known:
            yield Problem(path, f"there is no region {name!r}", did_you_mean(name, known, "regions"))
