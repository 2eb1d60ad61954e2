"""A limit that nobody announces is felt out: used almost whole, and seldom overstepped."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.gateway.pace import Pace


def used(limit_per_s: float, offered_per_s: float, for_s: float, *, from_s: float) -> tuple[float, float]:
    """(share of the limit that was used, share of the attempts that were refused), after `from_s`."""
    pace, tokens, at = Pace(), 3.0, 0.0
    served = refused = 0
    while at < for_s:
        at += 1.0 / offered_per_s
        tokens = min(3.0, tokens + limit_per_s / offered_per_s)
        if pace.wait_s(at) > 0.0:
            continue
        pace.take(at)
        good = tokens >= 1.0
        if good:
            tokens -= 1.0
            pace.served(at)
        else:
            pace.refused(at)
        if at >= from_s:
            served, refused = served + good, refused + (not good)
    return served / (for_s - from_s) / limit_per_s, refused / max(1, served + refused)


def test_nothing_is_held_back_before_a_refusal() -> None:
    pace = Pace()
    for at in range(100):
        pace.take(float(at))
        pace.served(float(at))
        assert pace.wait_s(at + 0.001) == 0.0
    assert math.isinf(pace.per_s(100.0))


@pytest.mark.parametrize(("limit_per_s", "refused_max"), [(0.5, 0.04), (1.0, 0.02), (5.0, 0.02)])
def test_most_of_the_limit_is_used_and_little_is_refused(limit_per_s: float, refused_max: float) -> None:
    """The limit is touched once a minute, which is more of a small one."""
    used_ratio, refused_ratio = used(limit_per_s, 3.0 * limit_per_s, 900.0, from_s=300.0)
    assert used_ratio >= 0.9
    assert refused_ratio < refused_max


def test_a_limit_that_has_gone_is_forgotten() -> None:
    pace = Pace()
    for at in range(10):
        pace.served(float(at))
    pace.refused(10.0)
    assert pace.per_s(11.0) < 1.0
    assert pace.per_s(250.0) > 2.0 * pace.per_s(11.0)
    assert math.isinf(pace.per_s(611.0))
    assert pace.wait_s(611.0) == 0.0


@given(st.lists(st.tuples(st.floats(0.0, 30.0), st.sampled_from(["take", "served", "refused"])), max_size=60))
def test_the_wait_is_bounded_and_ends(steps: list[tuple[float, str]]) -> None:
    pace, at = Pace(), 0.0
    for passed_s, what in steps:
        at += passed_s
        getattr(pace, what)(at)
        wait_s = pace.wait_s(at)
        assert wait_s >= 0.0
        assert pace.wait_s(at + wait_s + 1e-6) <= 1e-6
