"""Whose fault a trouble is: the narrowest scope that explains what is seen across channels.

key < channel < model < region < provider. A scope is to blame when nearly all of its channels that have traffic are in
the same kind of trouble, two at least; a trouble of one channel alone is the channel's, or its key's where only a key
can be at fault.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Incident
from foreroute.core.ids import ChannelId
from foreroute.heal.case import is_kin

_NEARLY_ALL: Final = 0.8
_MEMBERS_MIN: Final = 2
_OF_KEYS: Final = frozenset({FailureClass.AUTHENTICATION, FailureClass.QUOTA_EXHAUSTED})


class Scope(StrEnum):
    KEY = "key"
    CHANNEL = "channel"
    MODEL = "model"
    REGION = "region"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Blame:
    """`members` of the scope are in this trouble, of `asked` that have traffic."""

    scope: Scope
    name: str
    members: int
    asked: int

    def __str__(self) -> str:
        return f"{self.scope} {self.name} ({self.members} of {self.asked} channels)"


_WIDER: Final[tuple[tuple[Scope, Callable[[Channel], str]], ...]] = (
    (Scope.MODEL, lambda channel: f"{channel.provider}/{channel.model}"),
    (Scope.REGION, lambda channel: f"{channel.cloud}/{channel.region}"),
    (Scope.PROVIDER, lambda channel: channel.provider),
)
"""From narrow to wide. A model is one provider's, a region is one cloud's: the same name elsewhere is another thing."""


def scope_names(channel: Channel) -> dict[str, str]:
    """The name of each scope that holds the channel."""
    wider = {scope.value: name_of(channel) for scope, name_of in _WIDER}
    return {Scope.KEY.value: channel.id, Scope.CHANNEL.value: channel.id} | wider


def blamed(
    incidents: Sequence[Incident], channels: Sequence[Channel], asked: Collection[ChannelId]
) -> tuple[Incident, ...]:
    """The incidents with whom to blame, in their evidence too where it is not the channel alone; closed ones, and those of channels that are gone, as they are."""
    known = {channel.id: channel for channel in channels}
    troubles: dict[ChannelId, list[FailureClass]] = {}
    for incident in incidents:
        if incident.closed_at is None:
            troubles.setdefault(incident.channel, []).append(incident.root_cause)

    def told(incident: Incident) -> Incident:
        if incident.closed_at is not None or incident.channel not in known:
            return incident
        found = blame(known[incident.channel], incident.root_cause, troubles, channels, asked)
        aside = "" if found.scope is Scope.CHANNEL else f"; to blame: {found}"
        return replace(incident, blame=str(found), evidence=f"{incident.evidence}{aside}")

    return tuple(told(incident) for incident in incidents)


def blame(
    channel: Channel,
    cause: FailureClass,
    troubles: Mapping[ChannelId, Collection[FailureClass]],
    channels: Sequence[Channel],
    asked: Collection[ChannelId],
) -> Blame:
    """`troubles` are the causes of the channels' open incidents; `asked` the channels with traffic of late."""
    for scope, name_of in _WIDER:
        name = name_of(channel)
        there = [
            one for one in channels if name_of(one) == name and (one.id in asked or one.id == channel.id)
        ]
        troubled = [one for one in there if any(is_kin(cause, other) for other in troubles.get(one.id, ()))]
        if len(troubled) < _MEMBERS_MIN or len(troubled) < _NEARLY_ALL * len(there):
            continue
        if not _explains_more(troubled, channel, cause, troubles, channels, scope):
            return Blame(scope, name, len(troubled), len(there))
    scope = Scope.KEY if cause in _OF_KEYS else Scope.CHANNEL
    return Blame(scope, channel.id, 1, 1)


def _explains_more(
    troubled: Sequence[Channel],
    channel: Channel,
    cause: FailureClass,
    troubles: Mapping[ChannelId, Collection[FailureClass]],
    channels: Sequence[Channel],
    scope: Scope,
) -> bool:
    """Whether a wider scope of this channel holds others in the same trouble that this one leaves unexplained."""
    inside = {one.id for one in troubled}
    wider = _WIDER[[one for one, _ in _WIDER].index(scope) + 1 :]
    return any(
        name_of(one) == name_of(channel)
        and one.id not in inside
        and any(is_kin(cause, other) for other in troubles.get(one.id, ()))
        for one in channels
        for _, name_of in wider
    )
