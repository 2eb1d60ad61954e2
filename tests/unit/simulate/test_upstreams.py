"""What a channel says to a request, by its load, its limits and its troubles."""

from typing import Any

import pytest

from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, RegionId
from foreroute.heal.classify import default_classifier
from foreroute.simulate.channel import Capacity
from foreroute.simulate.faults import (
    Breakdown,
    ColdStart,
    ErrorBurst,
    HollowAnswers,
    Outage,
    QuotaSpent,
    StreamCuts,
)
from foreroute.simulate.limits import RateLimits
from foreroute.simulate.places import Distances
from foreroute.simulate.replies import Reply
from foreroute.simulate.upstreams import Upstreams
from foreroute.simulate.world import World

ONE = ChannelId("one")
SPAN: dict[str, Any] = {"channel": ONE, "start_at": 100.0, "end_at": 200.0}


def asked(world: World, request_at: Any, at: float, count: int = 200, **fields: Any) -> list[Reply]:
    upstreams = Upstreams(world)
    return [upstreams.ask(ONE, request_at(at, number, **fields), at) for number in range(count)]


def classes(replies: list[Reply]) -> set[FailureClass]:
    classifier = default_classifier()
    return {classifier.classify(reply.evidence) for reply in replies if reply.evidence is not None}


def share_failed(replies: list[Reply]) -> float:
    return sum(not reply.succeeds for reply in replies) / len(replies)


def test_an_answer_takes_its_first_token_its_other_tokens_and_the_way(model: Any, request_at: Any) -> None:
    distances = Distances({(RegionId("here"), RegionId("us-east-1")): 0.2})
    reply = Upstreams(World(1, [model()], distances=distances)).ask(ONE, request_at(0.0, place="here"), 0.0)
    assert reply.succeeds
    assert reply.first_chunk_s == pytest.approx(0.7, rel=1e-3)
    assert reply.ends_s == pytest.approx(1.7, rel=1e-3)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (100, 100)


def test_whoever_finds_all_slots_busy_waits_for_the_first_to_be_free(model: Any, request_at: Any) -> None:
    capacity = Capacity(slots=2, queue_max=2, strain=0.0)
    first, second, third, fourth, fifth = asked(World(1, [model(capacity=capacity)]), request_at, 0.0, 5)
    assert first.first_chunk_s == pytest.approx(second.first_chunk_s, rel=1e-3)
    assert third.first_chunk_s == pytest.approx(first.ends_s + 0.5, rel=1e-3)
    assert fourth.first_chunk_s == pytest.approx(third.first_chunk_s, rel=1e-2)
    assert classes([fifth]) == {FailureClass.OVERLOADED}


def test_without_a_line_only_who_finds_no_free_slot_is_turned_away(model: Any, request_at: Any) -> None:
    capacity = Capacity(slots=2, queue_max=0, strain=0.0)
    first, second, third = asked(World(1, [model(capacity=capacity)]), request_at, 0.0, 3)
    assert first.succeeds
    assert second.succeeds
    assert classes([third]) == {FailureClass.OVERLOADED}


def test_a_busy_channel_is_slower_and_recovers(model: Any, request_at: Any) -> None:
    upstreams = Upstreams(World(1, [model(capacity=Capacity(slots=4, strain=1.0))]))
    alone = upstreams.ask(ONE, request_at(0.0, 0), 0.0)
    for number in range(1, 4):
        last = upstreams.ask(ONE, request_at(0.0, number), 0.0)
    later = upstreams.ask(ONE, request_at(60.0, 9), 60.0)
    assert last.first_chunk_s == pytest.approx(alone.first_chunk_s * (1 + (3 / 4) ** 2), rel=1e-2)
    assert later.first_chunk_s == pytest.approx(alone.first_chunk_s, rel=1e-2)


def test_a_peek_is_the_answer_that_comes_and_changes_nothing(model: Any, request_at: Any) -> None:
    upstreams = Upstreams(World(1, [model(spread=2.0, capacity=Capacity(slots=1))]))
    request = request_at(0.0)
    assert upstreams.peek(ONE, request, 0.0) == upstreams.peek(ONE, request, 0.0)
    assert upstreams.peek(ONE, request, 0.0) == upstreams.ask(ONE, request, 0.0)
    assert upstreams.peek(ONE, request_at(0.0, 1), 0.0).first_chunk_s > 1.0


def test_over_its_rate_it_says_when_to_come_again(model: Any, request_at: Any) -> None:
    replies = asked(World(1, [model(limits=RateLimits(requests_per_minute=30))]), request_at, 0.0, 31)
    assert share_failed(replies[:30]) == 0.0
    assert classes(replies[30:]) == {FailureClass.RATE_LIMITED}
    evidence = replies[30].evidence
    assert evidence is not None
    assert evidence.retry_after_s == 2.0


@pytest.mark.parametrize(
    ("fault", "kind", "ratio"),
    [
        (Outage(**SPAN), FailureClass.CONNECTION_REFUSED_OR_RESET, 1.0),
        (Outage(**SPAN, how=Breakdown.ERROR), FailureClass.OVERLOADED, 1.0),
        (Outage(**SPAN, how=Breakdown.UNREACHABLE), FailureClass.TIMEOUT_CONNECT, 1.0),
        (Outage(**SPAN, how=Breakdown.SILENT), FailureClass.TIMEOUT_READ, 1.0),
        (QuotaSpent(**SPAN), FailureClass.QUOTA_EXHAUSTED, 1.0),
        (ErrorBurst(**SPAN, ratio=0.4), FailureClass.OVERLOADED, 0.4),
        (
            ErrorBurst(
                **SPAN, ratio=0.4, status=429, code="rate_limit_exceeded", message="Rate limit reached"
            ),
            FailureClass.RATE_LIMITED,
            0.4,
        ),
        (HollowAnswers(**SPAN, ratio=0.4), FailureClass.MALFORMED_RESPONSE, 0.4),
        (StreamCuts(**SPAN, ratio=0.4), FailureClass.STREAM_INTERRUPTED, 0.4),
        (ColdStart(**SPAN, extra_s=5.0, loading_ratio=0.8), FailureClass.COLD_START, 0.4),
    ],
)
def test_each_fault_shows_as_the_gateway_would_name_it_and_only_while_it_lasts(
    model: Any, request_at: Any, fault: Any, kind: FailureClass, ratio: float
) -> None:
    world = World(3, [model()], [fault])
    during = asked(world, request_at, 150.0, 800)
    assert classes(during) == {kind}
    assert share_failed(during) == pytest.approx(ratio, abs=0.05)
    for at in (50.0, 250.0):
        assert share_failed(asked(world, request_at, at)) == 0.0


def test_what_is_under_way_breaks_when_its_channel_goes_down(model: Any, request_at: Any) -> None:
    reply = Upstreams(World(1, [model()], [Outage(**SPAN)])).ask(ONE, request_at(99.2), 99.2)
    assert reply.evidence is not None
    assert reply.evidence.phase is Phase.STREAM
    assert reply.has_spoken
    assert 0.8 <= reply.ends_s <= 0.91
    assert 20 <= reply.usage.output_tokens <= 45


def test_a_cold_start_is_slow_at_first_and_less_and_less(model: Any, request_at: Any) -> None:
    world = World(1, [model()], [ColdStart(**SPAN, extra_s=8.0)])
    times = [Upstreams(world).ask(ONE, request_at(at), at).first_chunk_s for at in (100.0, 150.0, 190.0)]
    assert times == pytest.approx([8.5, 4.5, 1.3], rel=1e-2)


def test_the_truth_is_the_mean_of_what_many_requests_meet(model: Any, request_at: Any) -> None:
    world = World(
        5, [model(spread=2.5, token_spread=1.5, failure_ratio=0.02)], [ErrorBurst(**SPAN, ratio=0.3)]
    )
    replies = asked(world, request_at, 150.0, 6000)
    truth = world.truth(ONE, request_at(150.0), 150.0)
    good = [reply for reply in replies if reply.succeeds]
    assert sum(one.first_chunk_s for one in good) / len(good) == pytest.approx(truth.first_chunk_s, rel=0.03)
    assert sum(one.ends_s for one in good) / len(good) == pytest.approx(truth.duration_s, rel=0.03)
    assert share_failed(replies) == pytest.approx(truth.failure_ratio, abs=0.02)
