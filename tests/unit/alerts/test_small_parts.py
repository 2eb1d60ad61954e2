"""Matchers, votes, impact."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.alerts.evidence import Traffic
from foreroute.alerts.impact import failure_impact, latency_impact, summed
from foreroute.alerts.matchers import all_match, matcher
from foreroute.core.feedback import FACTOR_MAX, FACTOR_MIN, AlertFeedback, Vote
from foreroute.core.fields import BadField
from foreroute.core.series import Metric

LABELS = {"channel": "openai-us", "region": "us-east", "severity": "critical", "model": "a[1]?"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("channel=openai-us", True), ('channel="openai-us"', True), (" channel = openai-us ", True),
        ("channel=openai", False), ("channel=openai-*", True), ("channel!=openai-*", False),
        ("severity=critical|warning", True), ("severity!=info", True), ("region=*east*", True),
        ("budget=", True), ("budget!=", False), ("budget=*", True), ("model=a[1]?", True), ("model=a1x", False),
        ("channel=OPENAI-US", False),
    ],
)  # fmt: skip
def test_what_matches(text: str, matches: bool) -> None:
    assert matcher(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("channel", "no matcher"),
        ("", "no matcher"),
        ("chanel=a", "no label 'chanel'"),
        ("channel=a\nb", "no matcher"),
    ],
)
def test_what_is_no_matcher_says_so(text: str, says: str) -> None:
    with pytest.raises(BadField, match=says):
        matcher(text)


def test_all_must_match_and_none_matches_everything() -> None:
    assert all_match((), LABELS)
    assert not all_match(("channel=openai-us", "region=eu"), LABELS)


def test_a_matcher_cannot_be_made_to_take_long() -> None:
    """Twenty stars against a long value that almost matches: done in linear time, or this test would never end."""
    assert not matcher("channel=" + "*a" * 20 + "b").matches({"channel": "a" * 20_000})


def vote(name: str, *, useful: bool, at: float = 0.0) -> Vote:
    return Vote(alert=name, channel="a", metric="m", kind="spike", useful=useful, at=at)


def test_votes_move_a_threshold_and_fade() -> None:
    feedback = AlertFeedback(half_life_s=100.0).with_vote(vote("1", useful=False))
    assert feedback.factor("a", "m", "spike", 0.0) == pytest.approx(1.3)
    assert feedback.factor("a", "m", "spike", 100.0) == pytest.approx(1.3**0.5)
    assert feedback.factor("b", "m", "spike", 0.0) == 1.0
    assert feedback.factor("a", "m", "shift", 0.0) == 1.0
    assert feedback.fresh(900.0).votes == ()


def test_a_later_word_replaces_the_one_before_and_can_be_taken_back() -> None:
    feedback = AlertFeedback().with_vote(vote("1", useful=False)).with_vote(vote("1", useful=True))
    assert len(feedback.votes) == 1
    assert feedback.factor("a", "m", "spike", 0.0) == pytest.approx(1 / 1.3)
    assert feedback.without("1").factor("a", "m", "spike", 0.0) == 1.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 1e8)), max_size=60), st.floats(0.0, 1e9))
def test_the_factor_stays_within_its_bounds(words: list[tuple[bool, float]], at: float) -> None:
    feedback = AlertFeedback(
        votes=tuple(vote(str(n), useful=useful, at=when) for n, (useful, when) in enumerate(words))
    )
    assert FACTOR_MIN <= feedback.factor("a", "m", "spike", at) <= FACTOR_MAX


@pytest.mark.parametrize(
    ("impact", "requests", "excess"),
    [
        (failure_impact(Traffic(attempts_per_minute=100.0, failure_ratio=0.21), usual=0.01), 20.0, 10.0),
        (failure_impact(Traffic(attempts_per_minute=100.0, failure_ratio=0.03), usual=0.02), 1.0, 0.5),
        (failure_impact(Traffic(attempts_per_minute=100.0, failure_ratio=0.01)), 0.0, 0.0),
        (failure_impact(Traffic()), 0.0, 0.0),
        (latency_impact(Traffic(attempts_per_minute=100.0), Metric.LATENCY_P50, 3.0, 1.0), 50.0, 2.0),
        (latency_impact(Traffic(attempts_per_minute=100.0), Metric.FIRST_CHUNK_P95, 2.0, 1.0), 5.0, 1.0),
        (latency_impact(Traffic(attempts_per_minute=100.0), Metric.FIRST_CHUNK_P95, 0.5, 1.0), 0.0, 0.0),
        (latency_impact(Traffic(attempts_per_minute=100.0), Metric.ATTEMPTS, 9.0, 1.0), 0.0, 0.0),
        (latency_impact(Traffic(attempts_per_minute=100.0), Metric.LATENCY_P50, 3.0, float("nan")), 0.0, 0.0),
    ],
)  # fmt: skip
def test_impact(impact: Any, requests: float, excess: float) -> None:
    assert impact.requests_per_minute == pytest.approx(requests)
    assert impact.excess == pytest.approx(excess)


def test_channels_together_affect_the_sum_of_their_requests() -> None:
    one = failure_impact(Traffic(attempts_per_minute=100.0, failure_ratio=0.5))
    both = summed([one, one])
    assert both.requests_per_minute == pytest.approx(2 * one.requests_per_minute)
    assert both.excess == pytest.approx(one.excess)
