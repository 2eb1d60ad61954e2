"""What a route asks of the channels that an optimum may give it."""

from foreroute.core.ids import RouteName
from foreroute.settings.model import Settings


def floors_of(settings: Settings) -> tuple[dict[RouteName, float], dict[RouteName, frozenset[str]]]:
    """Quality floors and regions, by route; without an entry: none."""
    floors = {RouteName(one.model): one.quality_min for one in settings.routes if one.quality_min > 0}
    regions = {RouteName(one.model): frozenset(one.regions) for one in settings.routes if one.regions}
    return floors, regions
