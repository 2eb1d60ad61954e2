"""A region that several clouds share, lost as a whole: each cloud's part began at the same time. Pure.

Blame knows a region of one cloud: the same name elsewhere is another thing, until both fail within two minutes. Channels of
little traffic are diagnosed late, so that what counts is what each attempt there has met since it began.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from foreroute.control.incidents.grouping import Place, same_trouble
from foreroute.control.incidents.seen import Seen
from foreroute.control.incidents.watch import AttemptWatch
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId
from foreroute.core.incident import SLOW, IncidentReport, Origin
from foreroute.heal.blame import Scope

_TOGETHER_S: Final = 120.0
_BAD: Final = 0.5
"""Of the attempts on a channel."""
_MOST: Final = 0.6
"""Of the region's channels that were asked: as for an alert about it."""


def lost_regions(
    reports: Iterable[IncidentReport], seen: Seen, watch: AttemptWatch
) -> list[tuple[Place, list[IncidentReport]]]:
    """The regions of several clouds of which most channels failed together, each with its reports, oldest first."""
    channels = {channel.id: channel for channel in seen.channels}
    found = []
    for region, parts in _by_region(reports, channels).items():
        together = _together(parts)
        clouds = {channels[name].cloud for one in together for name in one.channels if name in channels}
        if len(together) > 1 and len(clouds) > 1 and _is_lost(region, together, channels, seen, watch):
            found.append((Place(Scope.REGION.value, region), together))
    return found


def _by_region(
    reports: Iterable[IncidentReport], channels: Mapping[ChannelId, Channel]
) -> dict[str, list[IncidentReport]]:
    found: dict[str, list[IncidentReport]] = {}
    for report in reports:
        places = {channels[name].region for name in report.channels if name in channels}
        if report.origin is Origin.OBSERVED and report.kind != SLOW and len(places) == 1:
            found.setdefault(places.pop(), []).append(report)
    return found


def _together(reports: list[IncidentReport]) -> list[IncidentReport]:
    """Those that are of one kind with the first and began with it."""
    first = reports[0]
    return [
        one
        for one in reports
        if one.opened_at - first.opened_at <= _TOGETHER_S and same_trouble(one.kind, first.kind)
    ]


def _is_lost(
    region: str,
    reports: list[IncidentReport],
    channels: Mapping[ChannelId, Channel],
    seen: Seen,
    watch: AttemptWatch,
) -> bool:
    """Whether most channels there that were asked since it began have failed most of the time."""
    routes, since_at = frozenset(seen.configured.routes), reports[0].opened_at
    bad = asked = 0
    for name, channel in channels.items():
        if channel.region != region:
            continue
        slots = watch.tens(routes, {name}, start_at=since_at, end_at=seen.at)
        attempts = sum(slot.attempts_there for slot in slots)
        failed = watch.felt(routes, {name}, start_at=since_at, end_at=seen.at).failed_attempts
        known = any(name in report.channels for report in reports)
        asked += attempts > 0 or known
        bad += known or (attempts > 0 and failed >= _BAD * attempts)
    return bad >= _MOST * asked
