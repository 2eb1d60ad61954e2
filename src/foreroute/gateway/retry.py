"""Whether and when a failed attempt is followed by another one.

Another channel is asked at once. The same channel is asked again only when there is no other, only
for failures that pass by themselves, and only after a backoff with full jitter (Brooker, "Exponential
Backoff and Jitter", 2015). A budget keeps retries from multiplying an outage; a request's first
failovers need not draw on it.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureFamily

_NOT_AGAIN: Final = frozenset({FailureClass.RATE_LIMITED, FailureClass.TIMEOUT_READ, FailureClass.UNKNOWN})
"""Transient, yet not for the same channel: it asked for a pause, may still be working (and billing), or nobody
knows what the failure was."""


def may_fail_over(failure: FailureClass) -> bool:
    return FAILURE_ADVICE[failure].failover


def may_repeat(failure: FailureClass) -> bool:
    """Whether the same channel may be asked again for the same request."""
    return FAILURE_ADVICE[failure].family is FailureFamily.TRANSIENT and failure not in _NOT_AGAIN


def backoff_s(base_s: float, repeats: int, uniform: float) -> float:
    """Full jitter: uniform in [0, base × 2^repeats), `repeats` counting earlier waits of this request."""
    return uniform * base_s * 2.0 ** min(repeats, 10)


@dataclass(slots=True)
class _Bucket:
    start: float
    requests: int
    retries: int


class RetryBudget:
    """Retries up to a share of the last minute's requests; a few in ten seconds are always allowed."""

    def __init__(self, *, ratio: float = 0.2, floor: int = 3) -> None:
        self._ratio = ratio
        self._floor = floor
        self._buckets: deque[_Bucket] = deque()

    def request(self, at: float) -> None:
        self._add(at, requests=1, retries=0)

    def take(self, at: float, ratio: float | None = None) -> bool:
        """Claim one retry; False if the budget is spent. `ratio`: in the place of the budget's own."""
        minute = [bucket for bucket in self._buckets if bucket.start > at - 60.0]
        lately = sum(bucket.retries for bucket in minute if bucket.start > at - 10.0)
        allowed = (self._ratio if ratio is None else ratio) * sum(bucket.requests for bucket in minute)
        if lately >= self._floor and sum(bucket.retries for bucket in minute) >= allowed:
            return False
        self._add(at, requests=0, retries=1)
        return True

    def _add(self, at: float, *, requests: int, retries: int) -> None:
        while self._buckets and self._buckets[0].start <= at - 60.0:
            self._buckets.popleft()
        if self._buckets and at - self._buckets[-1].start < 1.0:
            last = self._buckets[-1]
            last.requests += requests
            last.retries += retries
        else:
            self._buckets.append(_Bucket(at, requests, retries))
