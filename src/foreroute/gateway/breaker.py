"""A circuit breaker per channel. Pure: the time of each call is handed in (seconds, any origin).

closed ──failures──▶ open ──open_s passed──▶ half-open ──enough successes──▶ closed
                       ▲                         │ one failure
                       └──────── twice as long ──┘
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from foreroute.core.plan import BreakerPolicy

_BUCKETS = 10


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Verdict(Enum):
    """What an attempt says about its channel."""

    SUCCESS = "success"
    FAILURE = "failure"
    DOWN = "down"
    """It will fail until somebody changes something: a wrong key, an empty account, an unknown model."""
    NEUTRAL = "neutral"
    """Nothing: throttled, the request's own fault, or the client left."""


_FAILED: Final = frozenset({Verdict.FAILURE, Verdict.DOWN})


@dataclass(frozen=True, slots=True)
class Permit:
    """Given by `enter`, returned to `leave`. An attempt that outlives its breaker's state is not counted."""

    generation: int


class Breaker:
    """Counts what attempts say, refuses while open, and probes its way back.

    The policy comes with each call because self-healing may change it at any time.
    """

    def __init__(self, generation: int = 0) -> None:
        """`generation`: one more than that of a breaker which this one replaces, whose permits are still out."""
        self.opened_total = 0
        self.consecutive_failures = 0
        self._state = BreakerState.CLOSED
        self._generation = generation
        self._recent: deque[list[float]] = deque()  # [start, attempts, failures]
        self._reopenings = 0
        self._open_until = 0.0
        self._closed_at = float("-inf")
        self._probes = 0
        self._probe_successes = 0

    @property
    def generation(self) -> int:
        return self._generation

    def state(self, at: float) -> BreakerState:
        waited = self._state is BreakerState.OPEN and at >= self._open_until
        return BreakerState.HALF_OPEN if waited else self._state

    def open_for_s(self, at: float) -> float:
        """Seconds until the breaker admits a probe; 0 if it is not open."""
        return max(0.0, self._open_until - at) if self._state is BreakerState.OPEN else 0.0

    def admits(self, policy: BreakerPolicy, at: float) -> bool:
        """Whether an attempt may go through. Changes nothing; `enter` takes the place."""
        if self._state is BreakerState.CLOSED:
            return True
        if self._state is BreakerState.OPEN:
            return at >= self._open_until
        return self._probes < policy.half_open_successes_min

    def close(self, at: float) -> None:
        """A probe of the gateway's own has succeeded."""
        self._closed_at = at
        self._become(BreakerState.CLOSED)

    def reopen(self, policy: BreakerPolicy, at: float) -> None:
        """A probe of the gateway's own has failed: wait longer."""
        self._open(policy, at)

    def open(self, policy: BreakerPolicy, at: float) -> None:
        """The channel fails so much more than its peers that it is left out."""
        if self._state is BreakerState.CLOSED:
            self._forgive(policy, at)
            self._open(policy, at)

    def window(self, policy: BreakerPolicy, at: float) -> tuple[int, int]:
        """(attempts, failures) of the policy's window."""
        recent = [bucket for bucket in self._recent if bucket[0] > at - policy.window_s]
        return int(sum(bucket[1] for bucket in recent)), int(sum(bucket[2] for bucket in recent))

    def enter(self, at: float) -> Permit:
        """Begin an attempt; each one must end in `leave`. A last resort may enter an open breaker too."""
        if self._state is BreakerState.OPEN and at >= self._open_until:
            self._become(BreakerState.HALF_OPEN)
        if self._state is BreakerState.HALF_OPEN:
            self._probes += 1
        return Permit(self._generation)

    def leave(self, permit: Permit, verdict: Verdict, policy: BreakerPolicy, at: float) -> None:
        if permit.generation != self._generation:
            return
        match self._state:
            case BreakerState.CLOSED:
                self._count(verdict, policy, at)
            case BreakerState.HALF_OPEN:
                self._judge_probe(verdict, policy, at)
            case BreakerState.OPEN:
                if verdict is Verdict.SUCCESS:  # a last resort got through: let probes in at once
                    self._open_until = at

    def _count(self, verdict: Verdict, policy: BreakerPolicy, at: float) -> None:
        if verdict is Verdict.NEUTRAL:
            return
        failed = verdict in _FAILED
        self.consecutive_failures = self.consecutive_failures + 1 if failed else 0
        attempts, failures = self._window(policy, at, failed=failed)
        too_many = attempts >= policy.attempts_min and failures / attempts >= policy.failure_ratio_max
        too_many |= self.consecutive_failures >= policy.consecutive_failures_max
        if failed and (too_many or verdict is Verdict.DOWN):
            self._forgive(policy, at)
            self._open(policy, at)

    def _forgive(self, policy: BreakerPolicy, at: float) -> None:
        if at - self._closed_at > policy.window_s:
            self._reopenings = 0

    def _window(self, policy: BreakerPolicy, at: float, *, failed: bool) -> tuple[float, float]:
        recent = self._recent
        while recent and recent[0][0] <= at - policy.window_s:
            recent.popleft()
        if not recent or at - recent[-1][0] >= policy.window_s / _BUCKETS:
            recent.append([at, 0, 0])
        recent[-1][1] += 1
        recent[-1][2] += failed
        return sum(bucket[1] for bucket in recent), sum(bucket[2] for bucket in recent)

    def _judge_probe(self, verdict: Verdict, policy: BreakerPolicy, at: float) -> None:
        self._probes -= 1
        if verdict in _FAILED:
            self._open(policy, at)
        elif verdict is Verdict.SUCCESS:
            self._probe_successes += 1
            if self._probe_successes >= policy.half_open_successes_min:
                self._closed_at = at
                self._become(BreakerState.CLOSED)

    def _open(self, policy: BreakerPolicy, at: float) -> None:
        wait_s = min(policy.open_s * 2.0 ** min(self._reopenings, 30), policy.open_s_max)
        self._reopenings += 1
        self._open_until = at + wait_s
        self.opened_total += 1
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self._state = state
        self._generation += 1
        self._probes = self._probe_successes = 0
        if state is BreakerState.CLOSED:
            self.consecutive_failures = 0
            self._recent.clear()
