"""Reactive thresholds: the policy of the phase before forecasts, which every forecast must beat.

Once a minute each channel is graded by what was observed of it in the last five: availability first, then mean and p95
latency. One primary takes everything and one fallback takes what fails there: a gateway that is fast enough, else a
cloud that is, else a local server. A new primary is looked for when the present one is degraded or less, or answers
less than 95 % of its requests.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.policies.rules import is_over, speaks_against, waited_s
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Hold, Pick

_GATEWAYS: Final = frozenset({"gateway", "openrouter"})
_LOCAL: Final = "local"


class Grade(IntEnum):
    """Less is better, so that grades sort."""

    EXCELLENT = 0
    GOOD = 1
    UNKNOWN = 2
    """Nothing was observed: it may be worth a try, but not instead of one that is known to be good."""
    DEGRADED = 3
    POOR = 4
    OFFLINE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdSettings:
    """Seconds; `limit_s` is the objective's."""

    limit_s: float
    gateway_s: float = 0.3
    cloud_s: float = 0.5
    """Mean latencies under which a gateway, or else a cloud, is recommended."""
    availability_min: float = 0.95
    offline_max: float = 0.1
    window_s: float = 300.0
    remember_s: float = 900.0
    """A channel without traffic keeps its grade for so long."""


class Seen(NamedTuple):
    """One channel over the window."""

    availability: float
    mean_s: float
    p95_s: float


def grade(seen: Seen | None, settings: ThresholdSettings) -> Grade:
    if seen is None:
        return Grade.UNKNOWN
    if seen.availability <= settings.offline_max:
        return Grade.OFFLINE
    if seen.availability < settings.availability_min or seen.p95_s > 1.5 * settings.limit_s:
        return Grade.POOR
    if seen.p95_s > settings.limit_s or seen.mean_s > settings.limit_s:
        return Grade.DEGRADED
    calm = seen.p95_s <= 0.6 * settings.limit_s and seen.availability >= 0.995
    return Grade.EXCELLENT if calm else Grade.GOOD


def ranked(
    channels: Mapping[ChannelId, Channel], seen: Mapping[ChannelId, Seen | None], settings: ThresholdSettings
) -> list[ChannelId]:
    """The recommendation: the primary first, then its fallbacks. In doubt in the order of configuration."""

    def place(item: tuple[int, ChannelId]) -> tuple[bool, int, float, int]:
        number, channel = item
        found = seen[channel]
        mean_s = math.inf if found is None else found.mean_s
        usable = grade(found, settings) < Grade.DEGRADED
        return (not usable, _kind(channels[channel], mean_s, settings) if usable else 0, mean_s, number)

    return [channel for _, channel in sorted(enumerate(channels), key=place)]


def _kind(channel: Channel, mean_s: float, settings: ThresholdSettings) -> int:
    if channel.provider in _GATEWAYS and mean_s < settings.gateway_s:
        return 0
    if channel.cloud != _LOCAL and channel.provider not in _GATEWAYS and mean_s < settings.cloud_s:
        return 1
    return 2 if channel.cloud == _LOCAL else 3


class Thresholds:
    """`channels` in the order of preference while nothing is known."""

    tick_s = 60.0

    def __init__(self, channels: Mapping[ChannelId, Channel], settings: ThresholdSettings) -> None:
        self._channels, self._settings = channels, settings
        self._order: Sequence[ChannelId] = tuple(channels)
        self._past: dict[ChannelId, deque[tuple[float, float | None]]] = {name: deque() for name in channels}
        self._known: dict[ChannelId, tuple[float, Seen]] = {}

    @property
    def primary(self) -> ChannelId:
        return self._order[0]

    def pick(self, asking: Asking) -> Pick | Hold | None:
        left = [channel for channel in self._order if channel not in asking.tried]
        return None if is_over(asking) or not left else Pick(channel=left[0])

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None: ...

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None:  # noqa: ARG002 - the seam
        failed = speaks_against(attempt)
        self._past[attempt.channel].append((attempt.ended_at, None if failed else waited_s(attempt)))

    def tick(self, at: float) -> None:
        seen = {channel: self._seen(channel, at) for channel in self._channels}
        if grade(seen[self.primary], self._settings) >= Grade.DEGRADED:
            self._order = ranked(self._channels, seen, self._settings)

    def _seen(self, channel: ChannelId, at: float) -> Seen | None:
        settings, past = self._settings, self._past[channel]
        while past and past[0][0] < at - settings.window_s:
            past.popleft()
        if past:
            self._known[channel] = at, _summary([latency for _, latency in past])
        since, found = self._known.get(channel, (-math.inf, None))
        return found if since >= at - settings.remember_s else None


def _summary(latencies: Sequence[float | None]) -> Seen:
    good = sorted(latency for latency in latencies if latency is not None)
    availability = len(good) / len(latencies)
    if not good:
        return Seen(availability, math.inf, math.inf)
    return Seen(availability, sum(good) / len(good), good[min(len(good) - 1, int(0.95 * len(good)))])
