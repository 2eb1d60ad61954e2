"""The channels as the gateway sees them now: breaker, load and throttling of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId
from foreroute.core.plan import Route, Target
from foreroute.gateway.breaker import Breaker, BreakerState, Permit, Verdict
from foreroute.gateway.limiter import Limiter
from foreroute.gateway.select import Standing

_THROTTLE_S_MAX = 300.0
"""A channel that asks for a longer pause is asked again after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStanding:
    """One channel for `/metrics` and for people."""

    breaker: BreakerState
    breaker_opened_total: int
    consecutive_failures: int
    in_flight: int
    open_for_s: float
    throttled_for_s: float


class Fleet:
    """Lives on the gateway's event loop. Instants are the loop's own seconds."""

    def __init__(self, channels: Mapping[ChannelId, Channel]) -> None:
        self.channels = channels
        self._limiter = Limiter()
        self._breakers = {channel: Breaker() for channel in channels}
        self._throttled_until = dict.fromkeys(channels, float("-inf"))

    def in_flight(self, channel: ChannelId) -> int:
        return self._limiter.in_flight(channel)

    def standing(self, target: Target, at: float) -> Standing:
        channel = self.channels.get(target.channel)
        if channel is None:
            return Standing.ABSENT
        if not self._breakers[target.channel].admits(target.policy.breaker, at):
            return Standing.OPEN
        if self._throttled_until[target.channel] > at:
            return Standing.THROTTLED
        limits = (channel.concurrency_max, target.policy.concurrency_max)
        return Standing.FULL if self._limiter.is_full(target.channel, *limits) else Standing.FREE

    def enter(self, target: Target, at: float) -> Permit:
        self._limiter.enter(target.channel)
        return self._breakers[target.channel].enter(at)

    def leave(self, target: Target, permit: Permit, verdict: Verdict, at: float) -> None:
        self._limiter.leave(target.channel)
        self._breakers[target.channel].leave(permit, verdict, target.policy.breaker, at)

    def throttle(self, channel: ChannelId, for_s: float, at: float) -> None:
        until = at + min(for_s, _THROTTLE_S_MAX)
        self._throttled_until[channel] = max(self._throttled_until[channel], until)

    def wait_s(self, route: Route, at: float) -> float | None:
        """Seconds until the first channel of the route may be asked; None if one may be asked now."""
        weighted = [t.channel for t in route.targets if t.weight > 0 and t.channel in self.channels]
        views = [self._view(channel, at) for channel in weighted]
        wait_s = min((max(view.open_for_s, view.throttled_for_s) for view in views), default=0.0)
        return wait_s or None

    def snapshot(self, at: float) -> Mapping[ChannelId, ChannelStanding]:
        return {channel: self._view(channel, at) for channel in self.channels}

    def _view(self, channel: ChannelId, at: float) -> ChannelStanding:
        breaker = self._breakers[channel]
        return ChannelStanding(
            breaker=breaker.state(at),
            breaker_opened_total=breaker.opened_total,
            consecutive_failures=breaker.consecutive_failures,
            in_flight=self.in_flight(channel),
            open_for_s=breaker.open_for_s(at),
            throttled_for_s=max(0.0, self._throttled_until[channel] - at),
        )
