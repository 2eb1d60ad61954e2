"""Which incident a channel's trouble belongs to: one for the narrowest scope that explains it, not one a channel. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from foreroute.control.incidents.seen import Trouble
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.incident import SLOW, IncidentReport, Origin, failure_class
from foreroute.heal.blame import Scope, blame, scope_names
from foreroute.heal.case import is_kin

_WIDTHS = {scope.value: width for width, scope in enumerate(Scope)}


@dataclass(frozen=True, slots=True)
class Place:
    """A scope and its name, as `blame` gives them. A region without a cloud is the place, whoever runs what is there."""

    scope: str
    name: str

    @property
    def width(self) -> int:
        return _WIDTHS[self.scope]

    def holds(self, channel: Channel) -> bool:
        if self.scope == Scope.REGION.value and self.name == channel.region:
            return True
        return scope_names(channel).get(self.scope) == self.name


def same_trouble(one: str, other: str) -> bool:
    """Whether two kinds may be one incident. What is too late may end in timeouts; it is no overload yet."""
    if SLOW in (one, other):
        return {one, other} <= {SLOW, FailureClass.TIMEOUT_READ.value}
    return is_kin(failure_class(one), failure_class(other))


def place_of(
    trouble: Trouble, troubles: Iterable[Trouble], channels: Sequence[Channel], asked: Collection[ChannelId]
) -> Place:
    """Whom to blame for it, given everything that is wrong now."""
    known = {channel.id: channel for channel in channels}
    causes: dict[ChannelId, list[FailureClass]] = {}
    for one in troubles:
        if one.closed_at is None and same_trouble(one.kind, trouble.kind):
            causes.setdefault(one.channel, []).append(failure_class(one.kind))
    found = blame(known[trouble.channel], failure_class(trouble.kind), causes, channels, asked)
    return Place(found.scope.value, found.name)


def home_of(
    trouble: Trouble, place: Place, reports: Iterable[IncidentReport], channels: Mapping[ChannelId, Channel]
) -> IncidentReport | None:
    """The report among these that this trouble is part of; the earliest, of several.

    One that has the channel already; else one whose scope holds the channel; else one that lies within the scope that
    is to blame now: that one grows.
    """
    kin = sorted(
        (one for one in reports if same_trouble(one.kind, trouble.kind)),
        key=lambda one: (one.opened_at, one.id),
    )
    channel = channels[trouble.channel]
    seen = [one for one in kin if one.origin is Origin.OBSERVED]
    ways = (
        # What was foreseen is slowness: another trouble of that channel is not what was meant.
        [one for one in kin if trouble.channel in one.channels and (one in seen or trouble.kind == SLOW)],
        [one for one in seen if Place(one.scope, one.name).holds(channel)],
        [one for one in seen if _lies_in(one, place, channels)],
    )
    return next((found[0] for found in ways if found), None)


def _lies_in(report: IncidentReport, place: Place, channels: Mapping[ChannelId, Channel]) -> bool:
    members = [channels[name] for name in report.channels if name in channels]
    return bool(members) and all(place.holds(one) for one in members)


def wider(report: IncidentReport, place: Place, channels: Mapping[ChannelId, Channel]) -> Place:
    """The scope after a trouble of this scope has joined: never narrower than it was."""
    own = Place(report.scope, report.name)
    if place.width < own.width or not _lies_in(report, place, channels):
        return own
    return place


def worse_kind(one: str, other: str) -> str:
    """What an incident is called that has both: a failure says more than slowness, and else the first one stays."""
    return other if one == SLOW else one
