"""Peak-EWMA with two choices, and failure accrual: the load balancer of Twitter's Finagle.

As read in Finagle (`loadbalancer/PeakEwma.scala`, `p2c/P2CPick.scala`, `liveness/FailureAccrualFactory.scala`,
Apache-2.0): two different channels are drawn uniformly and the one with less expected work is asked; its expected
work is an average of latencies that jumps to every peak and decays over ten seconds, times the requests under way and
this one. A channel that nothing is known of gets one request and then no more until it has answered. Five failures in a
row take a channel out for 5 s, twice as long each time up to 300 s (half of it at random); then one request at a time
finds out. What is averaged here is what the caller waits for: the first chunk of a stream.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from foreroute.core.attempt import Attempt
from foreroute.core.ids import ChannelId
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.policies.rules import is_over, speaks_against, waited_s
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Hold, Pick

_DECAY_S: Final = 10.0
_PENALTY: Final = 1e9
_FAILURES_MAX: Final = 5
_DEAD_S_MIN, _DEAD_S_MAX = 5.0, 300.0


@dataclass(slots=True)
class _Node:
    cost_s: float = 0.0
    at: float = -math.inf
    pending: int = 0
    failures: int = 0
    deaths: int = 0
    dead_until: float = -math.inf
    probing: bool = False

    def load(self, at: float) -> float:
        self.observe(0.0, at)
        if self.cost_s == 0.0 and self.pending:
            return _PENALTY + self.pending
        return self.cost_s * (self.pending + 1)

    def observe(self, latency_s: float, at: float) -> None:
        keep = math.exp(-max(0.0, at - self.at) / _DECAY_S)
        peak = latency_s > self.cost_s
        self.cost_s = latency_s if peak else self.cost_s * keep + latency_s * (1.0 - keep)
        self.at = at

    def is_open(self, at: float) -> bool:
        """Whether it takes requests: it is not out, and nobody is finding out whether it is back."""
        return self.dead_until <= at and not self.probing

    def succeeded(self, at: float) -> None:
        """An answer to what was asked before the channel went out brings it back no sooner."""
        if self.dead_until > at:
            return
        self.failures = self.deaths = 0
        self.probing = False
        self.dead_until = -math.inf

    def failed(self, at: float, chance: float) -> None:
        """`chance`: uniform in [0, 1), for the random half of the wait."""
        self.failures += 1
        if self.probing or self.failures >= _FAILURES_MAX:
            wait_s = min(_DEAD_S_MIN * 2.0**self.deaths, _DEAD_S_MAX)
            self.dead_until = at + wait_s / 2.0 + chance * wait_s / 2.0
            self.deaths = min(self.deaths + 1, 30)
            self.probing = False


class PeakEwma:
    """Weights are not asked: Finagle's balancer treats its endpoints as equals. `rng` is for the waits."""

    def __init__(self, channels: Sequence[ChannelId], rng: Random) -> None:
        self._nodes = {channel: _Node() for channel in channels}
        self._rng = rng

    def pick(self, asking: Asking) -> Pick | Hold | None:
        if is_over(asking):
            return None
        untried = [channel for channel in self._nodes if channel not in asking.tried]
        opened = [channel for channel in untried if self._nodes[channel].is_open(asking.at)]
        among = opened or untried  # when all are out, any of them is better than none
        if not among:
            return None
        return Pick(channel=self._lesser(among, asking.chance, asking.at))

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None:  # noqa: ARG002 - the seam
        node = self._nodes[pick.channel]
        node.pending += 1
        node.probing = node.dead_until > -math.inf

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None:  # noqa: ARG002 - the seam
        node, at = self._nodes[attempt.channel], attempt.ended_at
        node.pending -= 1
        node.observe(waited_s(attempt), at)
        if speaks_against(attempt):
            node.failed(at, self._rng.random())
        else:
            node.succeeded(at)

    def _lesser(self, channels: Sequence[ChannelId], chance: Random, at: float) -> ChannelId:
        if len(channels) == 1:
            return channels[0]
        first, second = chance.sample(channels, 2)
        return first if self._nodes[first].load(at) < self._nodes[second].load(at) else second
