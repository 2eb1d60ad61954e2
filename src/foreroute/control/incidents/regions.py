"""A region that several clouds share, lost as a whole: each cloud's part began at the same time. Pure.

Blame knows a region of one cloud: the same name elsewhere is another thing, until both fail within two minutes.
"""

from collections.abc import Iterable
from typing import Final

from foreroute.control.incidents.grouping import Place, same_trouble
from foreroute.control.incidents.seen import Seen
from foreroute.core.incident import IncidentReport, Origin
from foreroute.heal.blame import Scope

_TOGETHER_S: Final = 120.0
_MOST: Final = 0.6
"""Of the region's channels with traffic: as for an alert about it."""


def lost_regions(reports: Iterable[IncidentReport], seen: Seen) -> list[tuple[Place, list[IncidentReport]]]:
    """The regions of several clouds of which most channels failed together, each with its reports, oldest first."""
    regions = {channel.id: channel.region for channel in seen.channels}
    clouds = {channel.id: channel.cloud for channel in seen.channels}
    asked = {rollup.channel for rollup in seen.rollups if rollup.attempts}
    by_region: dict[str, list[IncidentReport]] = {}
    for report in reports:
        places = {regions.get(channel) for channel in report.channels}
        if report.origin is Origin.OBSERVED and len(places) == 1 and None not in places:
            by_region.setdefault(str(places.pop()), []).append(report)
    found = []
    for region, parts in by_region.items():
        together = _together(parts)
        members = {channel for one in together for channel in one.channels}
        there = {name for name, at in regions.items() if at == region and (name in asked or name in members)}
        several = len({clouds[name] for name in members}) > 1
        if len(together) > 1 and several and len(members) >= _MOST * len(there):
            found.append((Place(Scope.REGION.value, region), together))
    return found


def _together(reports: list[IncidentReport]) -> list[IncidentReport]:
    """Those that are of one kind with the first and began with it."""
    first = reports[0]
    began_at = first.phases.first_bad_at
    return [
        one
        for one in reports
        if began_at is not None
        and one.phases.first_bad_at is not None
        and one.phases.first_bad_at - began_at <= _TOGETHER_S
        and same_trouble(one.kind, first.kind)
    ]
