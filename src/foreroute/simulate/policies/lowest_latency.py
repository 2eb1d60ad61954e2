"""LiteLLM's lowest-latency routing: the channel whose last ten latencies have the smallest mean gets everything.

As read in LiteLLM 1.106.12 (`router_strategy/lowest_latency.py`, MIT), with its defaults; the router around it is in
`litellm.py`. What follows from them is part of the policy:

- Streams are judged by the time to their first token, other answers by seconds per output token.
- A channel that nothing is known of counts as answering in no time, so it gets all requests until the first of them
  has ended: the herd on a newcomer.
- Only a timeout is remembered of failures, as 1,000 seconds, and only where streams are not concerned.
- All is forgotten an hour after the first answer was noted.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from foreroute.core.ids import ChannelId

_TIMEOUT_S: Final = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LowestLatencySettings:
    latencies_max: int = 10
    buffer: float = 0.0
    """Channels within this share of the lowest mean are as good as the best one."""
    forget_s: float = 3600.0


@dataclass(slots=True)
class _Seen:
    latencies: deque[float]
    first_tokens: deque[float] = field(default_factory=deque)


class LowestLatency:
    """The memory of one model group. Instants in seconds."""

    def __init__(self, settings: LowestLatencySettings | None = None) -> None:
        self._settings = settings or LowestLatencySettings()
        self._seen: dict[ChannelId, _Seen] = {}
        self._until: float | None = None

    def choose(self, channels: Iterable[ChannelId], *, stream: bool, chance: Random, at: float) -> ChannelId:
        """One of the channels with the lowest mean, at random; at least one channel must be given."""
        self._forget(at)
        means = {channel: self._mean(channel, stream=stream) for channel in channels}
        most = min(means.values()) * (1.0 + self._settings.buffer)
        return chance.choice([channel for channel, mean in means.items() if mean <= most])

    def answered(
        self,
        channel: ChannelId,
        *,
        duration_s: float,
        first_token_s: float | None,
        output_tokens: int,
        at: float,
    ) -> None:
        """A whole answer has come; `first_token_s` for streams."""
        seen = self._note(channel, at)
        self._add(seen.latencies, duration_s / output_tokens if output_tokens else duration_s)
        if first_token_s is not None:
            self._add(seen.first_tokens, first_token_s)

    def timed_out(self, channel: ChannelId, at: float) -> None:
        self._add(self._note(channel, at).latencies, _TIMEOUT_S)

    def _mean(self, channel: ChannelId, *, stream: bool) -> float:
        seen = self._seen.get(channel)
        if seen is None:
            if self._until is not None:  # from now on it is known, as one that has answered in no time
                self._seen[channel] = _Seen(deque([0.0]))
            return 0.0
        found = seen.first_tokens if stream and seen.first_tokens else seen.latencies
        return sum(found) / len(found)

    def _note(self, channel: ChannelId, at: float) -> _Seen:
        self._forget(at)
        if self._until is None:
            self._until = at + self._settings.forget_s
        return self._seen.setdefault(channel, _Seen(deque()))

    def _forget(self, at: float) -> None:
        if self._until is not None and at > self._until:
            self._seen, self._until = {}, None

    def _add(self, values: deque[float], value: float) -> None:
        values.append(value)
        if len(values) > self._settings.latencies_max:
            values.popleft()
