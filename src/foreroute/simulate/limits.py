"""Rate limits and quotas as providers keep them, and what their headers say. Instants in seconds since the epoch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from foreroute.core.windows import Window, window_end, window_start

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Requests and tokens a minute; None: no limit. Refilled continuously, as OpenAI and Anthropic document theirs."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """So many tokens or requests in each calendar window (UTC); when it is spent nothing is served until the next."""

    window: Window
    tokens: int | None = None
    requests: int | None = None


class LimitsLeft(NamedTuple):
    """What the headers of an answer say. None where there is no such limit."""

    requests_max: int | None
    requests_left: int | None
    requests_reset_s: float
    tokens_max: int | None
    tokens_left: int | None
    tokens_reset_s: float

    def headers(self) -> Mapping[str, str]:
        """In the names that OpenAI uses."""
        found: dict[str, str] = {}
        for what, most, left, reset_s in (
            ("requests", self.requests_max, self.requests_left, self.requests_reset_s),
            ("tokens", self.tokens_max, self.tokens_left, self.tokens_reset_s),
        ):
            if most is not None and left is not None:
                found[f"x-ratelimit-limit-{what}"] = str(most)
                found[f"x-ratelimit-remaining-{what}"] = str(left)
                found[f"x-ratelimit-reset-{what}"] = f"{math.ceil(reset_s * 1000)}ms"
        return found


class Bucket:
    """A token bucket of one minute's worth, full at first."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._left = float(per_minute)
        self._at = -math.inf

    def left(self, at: float) -> float:
        if at > self._at:
            gained = self.per_minute * (at - self._at) / _MINUTE_S
            self._left = min(float(self.per_minute), self._left + gained)
            self._at = at
        return self._left

    def take(self, amount: float) -> None:
        """May go below nothing: the answer's length is known only at its end."""
        self._left -= amount

    def wait_s(self, amount: float, at: float) -> float:
        """Until so much is there; more than a minute's worth never is, and counts as all of it."""
        lacking = min(amount, float(self.per_minute)) - self.left(at)
        return max(0.0, lacking) * _MINUTE_S / self.per_minute

    def reset_s(self, at: float) -> float:
        return (self.per_minute - self.left(at)) * _MINUTE_S / self.per_minute


class Gate:
    """The limits of one channel while a world runs."""

    def __init__(self, limits: RateLimits | None, quota: Quota | None) -> None:
        requests, tokens = (
            (None, None) if limits is None else (limits.requests_per_minute, limits.tokens_per_minute)
        )
        self._requests = None if requests is None else Bucket(requests)
        self._tokens = None if tokens is None else Bucket(tokens)
        self._quota = quota
        self._window_end = -math.inf
        self._spent_tokens = self._spent_requests = 0

    def refused_for_s(self, tokens: int, at: float) -> float | None:
        """How long the channel asks to be left alone; None: the request may pass."""
        wait_s = 0.0
        if self._requests is not None:
            wait_s = self._requests.wait_s(1.0, at)
        if self._tokens is not None:
            wait_s = max(wait_s, self._tokens.wait_s(float(tokens), at))
        return wait_s if wait_s > 0.0 else None

    def is_spent(self, at: float) -> bool:
        """Whether the quota of the window that holds the instant is used up."""
        quota = self._quota
        if quota is None:
            return False
        self._turn(quota, at)
        return (quota.tokens is not None and self._spent_tokens >= quota.tokens) or (
            quota.requests is not None and self._spent_requests >= quota.requests
        )

    def enter(self, tokens: int, at: float) -> None:
        if self._requests is not None:
            self._requests.left(at)
            self._requests.take(1.0)
        if self._tokens is not None:
            self._tokens.left(at)
            self._tokens.take(float(tokens))
        if self._quota is not None:
            self._turn(self._quota, at)
            self._spent_tokens += tokens
            self._spent_requests += 1

    def left(self, at: float) -> LimitsLeft | None:
        requests, tokens = self._requests, self._tokens
        if requests is None and tokens is None:
            return None
        return LimitsLeft(
            None if requests is None else requests.per_minute,
            None if requests is None else max(0, int(requests.left(at))),
            0.0 if requests is None else requests.reset_s(at),
            None if tokens is None else tokens.per_minute,
            None if tokens is None else max(0, int(tokens.left(at))),
            0.0 if tokens is None else tokens.reset_s(at),
        )

    def _turn(self, quota: Quota, at: float) -> None:
        if at >= self._window_end:
            self._window_end = window_end(quota.window, window_start(quota.window, at))
            self._spent_tokens = self._spent_requests = 0
