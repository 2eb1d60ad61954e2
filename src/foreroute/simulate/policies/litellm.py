"""LiteLLM's router as a policy: lowest-latency routing, its cooldowns and its two retries.

As read in LiteLLM 1.106.12 (`router.py`, `router_utils/cooldown_handlers.py`, MIT), with its defaults:

- A channel cools down for 5 s, or as long as its `retry-after` asks: at once for a 429 where there are others, for
  401, 402 and 404, and when more than half of at least five requests in its current minute have failed, refused
  connections among them. There is no half-open state.
- A failed request is sent again at once, up to twice, to whatever the strategy names then: it may be the same channel.
  One that was told 402 or 404 is not.
- When every channel cools down, requests are refused. Limits that the operator has stated are kept.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from foreroute.core.attempt import Attempt, Outcome
from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.policies.lowest_latency import LowestLatency
from foreroute.simulate.policies.rules import is_over
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Hold, Pick

_AT_ONCE: Final = frozenset({401, 402, 404})
_RETRIED: Final = frozenset({401, 403, 408, 409, 429})
"""And all from 500 up."""
_THROTTLED: Final = 429
_CALLERS_MIN, _SERVERS_MIN = 400, 500
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CooldownSettings:
    cooldown_s: float = 5.0
    failure_ratio_max: float = 0.5
    attempts_min: int = 5


@dataclass(slots=True)
class _Count:
    """Counts for a minute from the first one on, then begins anew."""

    until: float = -math.inf
    value: int = 0

    def now(self, at: float) -> int:
        return self.value if at <= self.until else 0

    def add(self, amount: int, at: float) -> None:
        if at > self.until:
            self.until, self.value = at + _MINUTE_S, 0
        self.value += amount


@dataclass(slots=True)
class _Deployment:
    successes: _Count = field(default_factory=_Count)
    failures: _Count = field(default_factory=_Count)
    minute: float = -math.inf
    requests: int = 0
    tokens: int = 0
    """Successful requests of the clock's minute, and what they took: what the operator's limits are held against."""
    cool_until: float = -math.inf


class LiteLLM:
    """One model group of deployments."""

    def __init__(
        self,
        channels: Mapping[ChannelId, Channel],
        *,
        strategy: LowestLatency | None = None,
        cooldown: CooldownSettings | None = None,
    ) -> None:
        self._channels = channels
        self._strategy = strategy or LowestLatency()
        self._cooldown = cooldown or CooldownSettings()
        self._deployments = {channel: _Deployment() for channel in channels}

    def pick(self, asking: Asking) -> Pick | Hold | None:
        if is_over(asking) or (asking.failed is not None and not _is_retried(asking.failed.status)):
            return None
        healthy = [channel for channel, one in self._deployments.items() if one.cool_until <= asking.at]
        within = [channel for channel in healthy if self._is_within(channel, asking)]
        if not within:
            return None
        stream = asking.request.stream
        return Pick(channel=self._strategy.choose(within, stream=stream, chance=asking.chance, at=asking.at))

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None: ...

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None:  # noqa: ARG002 - the seam
        at, channel = attempt.ended_at, attempt.channel
        if attempt.outcome is Outcome.SUCCESS:
            self._succeeded(attempt, at)
            return
        if attempt.outcome is Outcome.TIMEOUT:
            self._strategy.timed_out(channel, at)
        one = self._deployments[channel]
        one.failures.add(1, at)
        if self._must_cool(attempt, one, at):
            asked_s = attempt.retry_after_s
            one.cool_until = at + (self._cooldown.cooldown_s if asked_s is None else asked_s)

    def _succeeded(self, attempt: Attempt, at: float) -> None:
        one, usage = self._deployments[attempt.channel], attempt.usage
        one.successes.add(1, at)
        if one.minute != at // _MINUTE_S:
            one.minute, one.requests, one.tokens = at // _MINUTE_S, 0, 0
        one.requests += 1
        one.tokens += usage.input_tokens + usage.output_tokens
        self._strategy.answered(
            attempt.channel,
            duration_s=attempt.duration_s,
            first_token_s=attempt.time_to_first_chunk_s if attempt.stream else None,
            output_tokens=usage.output_tokens,
            at=at,
        )

    def _is_within(self, channel: ChannelId, asking: Asking) -> bool:
        one, stated = self._deployments[channel], self._channels[channel]
        this_minute = one.minute == asking.at // _MINUTE_S
        requests, tokens = (one.requests, one.tokens) if this_minute else (0, 0)
        requests_max, tokens_max = stated.requests_per_minute_max, stated.tokens_per_minute_max
        return (requests_max is None or requests < requests_max) and (
            tokens_max is None or tokens + asking.request.input_tokens <= tokens_max
        )

    def _must_cool(self, attempt: Attempt, one: _Deployment, at: float) -> bool:
        alone, status = len(self._deployments) == 1, attempt.status
        if status in _AT_ONCE:
            return True
        if status == _THROTTLED:
            return not alone
        if status is not None and _CALLERS_MIN <= status < _SERVERS_MIN and status != 408:
            return False
        failures = one.failures.now(at)
        total = failures + one.successes.now(at)
        settings = self._cooldown
        return not alone and total >= settings.attempts_min and failures / total > settings.failure_ratio_max


def _is_retried(status: int | None) -> bool:
    return status is None or status >= _SERVERS_MIN or status in _RETRIED
