"""Scopes: what a playbook treats as one, and which channels that is."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId


class ScopeKind(StrEnum):
    CHANNEL = "channel"
    MODEL = "model"
    REGION = "region"
    PROVIDER = "provider"
    GATEWAY = "gateway"


GATEWAY = "gateway"


def name_of(kind: ScopeKind, channel: Channel) -> str:
    """The scope of this kind that a channel is in."""
    match kind:
        case ScopeKind.CHANNEL:
            return f"channel:{channel.id}"
        case ScopeKind.MODEL:
            return f"model:{channel.provider}/{channel.model}"
        case ScopeKind.REGION:
            return f"region:{channel.cloud}/{channel.region}"
        case ScopeKind.PROVIDER:
            return f"provider:{channel.provider}"
        case ScopeKind.GATEWAY:
            return GATEWAY


def scopes(kind: ScopeKind, channels: Sequence[Channel]) -> Iterator[tuple[str, tuple[ChannelId, ...]]]:
    """Every scope of a kind with its channels, in the order of the channels."""
    found: dict[str, list[ChannelId]] = {}
    for channel in channels:
        found.setdefault(name_of(kind, channel), []).append(channel.id)
    for name, members in found.items():
        yield name, tuple(members)


def members_of(scope: str, channels: Sequence[Channel]) -> tuple[ChannelId, ...]:
    """The channels of a scope by its name; none for one that is not there."""
    kind = scope.partition(":")[0]
    if kind not in set(ScopeKind):
        return ()
    return dict(scopes(ScopeKind(kind), channels)).get(scope, ())


def all_scopes(channels: Sequence[Channel]) -> Mapping[str, tuple[ChannelId, ...]]:
    return {name: members for kind in ScopeKind for name, members in scopes(kind, channels)}
