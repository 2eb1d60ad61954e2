"""Requests that break whatever channel they come to: their failures say nothing about the channels. Pure.

A bug in a server can be set off by one prompt. Whoever sends it again and again would open every breaker, and so take the
channels from everybody else. A request that has failed with an error of the server's on one channel, and then on another,
is blamed itself: until it has been answered, or for a while.
"""

import hashlib
from typing import Final

from foreroute.core.ids import ChannelId

_KEEP_S: Final = 300.0
_MAX: Final = 1000
_DIGEST_BYTES: Final = 12


class Suspects:
    """By the digest of their bodies, which are not kept. Instants in seconds."""

    def __init__(self) -> None:
        self._failed: dict[bytes, tuple[float, frozenset[ChannelId]]] = {}

    def is_to_blame(self, body: bytes, channel: ChannelId, at: float) -> bool:
        """The channel has failed with this request. Whether another one had before, so that it is the request's fault."""
        key = _digest(body)
        since, channels = self._failed.pop(key, (at, frozenset()))
        if at - since > _KEEP_S:
            channels = frozenset()
        self._failed[key] = (at, channels | {channel})
        if len(self._failed) > _MAX:
            del self._failed[next(iter(self._failed))]
        return bool(channels - {channel})

    def answered(self, body: bytes) -> None:
        """It can be served after all."""
        if self._failed:
            self._failed.pop(_digest(body), None)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
