"""Where a request may be served at all: what its route, its key, its key's team and tags allow, all together. Pure.

A hard constraint: no failover, hedge, fallback, experiment or last resort leaves it. Where nothing is allowed, the request
is refused.
"""

from collections.abc import Mapping

from foreroute.core.ids import RegionId
from foreroute.core.keys import Team, VirtualKey

Regions = frozenset[RegionId]


def allowed(
    route: Regions, key: VirtualKey | None, team: Team | None, by_tag: Mapping[str, Regions]
) -> Regions | None:
    """The regions that everybody who has a say allows; None: any. Empty: they have none in common.

    `route`, and the regions of keys and teams, are empty where they do not care.
    """
    says = [route or None]
    if key is not None:
        says += [key.regions or None, *(by_tag[tag] for tag in key.tags if tag in by_tag)]
    if team is not None:
        says.append(team.regions or None)
    return common(*says)


def common(*says: Regions | None) -> Regions | None:
    """What all of them allow. None has nothing to say; an empty one allows nothing."""
    found: Regions | None = None
    for regions in says:
        if regions is not None:
            found = regions if found is None else found & regions
    return found
