"""Rate limits and quotas as providers keep them."""

import pytest

from foreroute.core.windows import Window
from foreroute.simulate.limits import Gate, Quota, RateLimits

MIDNIGHT = 1_772_409_600.0


def test_a_minute_of_requests_may_come_at_once_and_the_next_waits_its_turn() -> None:
    gate = Gate(RateLimits(requests_per_minute=60), None)
    for _ in range(60):
        assert gate.refused_for_s(10, 0.0) is None
        gate.enter(10, 0.0)
    assert gate.refused_for_s(10, 0.0) == pytest.approx(1.0)
    assert gate.refused_for_s(10, 1.001) is None


def test_tokens_are_counted_and_one_huge_request_passes_a_full_bucket() -> None:
    gate = Gate(RateLimits(tokens_per_minute=1000), None)
    assert gate.refused_for_s(50_000, 0.0) is None
    gate.enter(50_000, 0.0)
    assert gate.refused_for_s(1, 0.0) == pytest.approx(49_001 * 60 / 1000)


def test_headers_say_what_is_left_and_when_it_is_full_again() -> None:
    gate = Gate(RateLimits(requests_per_minute=60, tokens_per_minute=6000), None)
    gate.enter(600, 0.0)
    left = gate.left(0.0)
    assert left is not None
    assert left.headers() == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1000ms",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "5400",
        "x-ratelimit-reset-tokens": "6000ms",
    }
    assert Gate(None, None).left(0.0) is None


def test_a_quota_is_spent_until_its_calendar_window_turns() -> None:
    gate = Gate(None, Quota(window=Window.DAY, requests=2))
    for _ in range(2):
        assert not gate.is_spent(MIDNIGHT - 60)
        gate.enter(10, MIDNIGHT - 60)
    assert gate.is_spent(MIDNIGHT - 1)
    assert not gate.is_spent(MIDNIGHT)
