"""The last hour of attempts in slots, and the two clocks that are read from them."""

from typing import Any

import pytest

from foreroute.control.incidents.clocks import settled_at
from foreroute.control.incidents.watch import AttemptWatch, Tens
from foreroute.core.attempt import Attempt, Candidate, Outcome, PickReason
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, KeyId, RequestId, RouteName
from foreroute.core.plan import Objective
from foreroute.core.series import Metric

A, B, CHAT = ChannelId("a"), ChannelId("b"), RouteName("chat")
AT = 1_000_000.0


def attempt(request: str, channel: ChannelId = A, *, at: float = AT, number: int = 1, **more: Any) -> Attempt:
    values: dict[str, Any] = {
        "duration_s": 1.0,
        "outcome": Outcome.SUCCESS,
        "reason": PickReason.CONFIGURED,
        "plan_version": 1,
        "stream": True,
        "time_to_first_chunk_s": 0.2,
    }
    return Attempt(
        request_id=RequestId(request),
        number=number,
        route=CHAT,
        channel=channel,
        started_at=at,
        **(values | more),
    )


def failed(request: str, channel: ChannelId = A, **more: Any) -> Attempt:
    return attempt(
        request,
        channel,
        outcome=Outcome.FAILURE,
        failure_class=more.pop("failure_class", FailureClass.OVERLOADED),
        **more,
    )


def watch(*attempts: Attempt) -> AttemptWatch:
    made = AttemptWatch({CHAT: Objective(metric=Metric.FIRST_CHUNK_P95, limit_s=0.9)})
    made.observe(attempts)
    return made


def felt(made: AttemptWatch, *channels: ChannelId):
    return made.felt({CHAT}, set(channels or (A,)), start_at=AT - 60, end_at=AT + 600)


def test_a_request_that_another_channel_answers_is_rescued_not_lost() -> None:
    made = watch(failed("q", at=AT), attempt("q", B, at=AT + 3, number=2))
    found = felt(made)
    assert (found.failed_attempts, found.lost, found.rescued, found.requests) == (1, 0, 1, 1)
    assert found.waited_s == pytest.approx(3.0)


def test_whatever_comes_first_it_is_counted_once() -> None:
    made = watch(attempt("q", B, at=AT + 3, number=2), failed("q", at=AT))
    assert (felt(made).lost, felt(made).rescued) == (0, 1)


def test_a_request_is_lost_where_it_failed_last() -> None:
    made = watch(failed("q", A, at=AT), failed("q", B, at=AT + 2, number=2))
    assert (felt(made, A).lost, felt(made, B).lost, felt(made, A, B).lost) == (0, 1, 1)


def test_what_the_request_got_wrong_itself_and_what_is_no_request_count_for_nothing() -> None:
    made = watch(
        failed("q", failure_class=FailureClass.INVALID_REQUEST),
        failed("p", reason=PickReason.PROBE),
        failed("s", reason=PickReason.SHADOW, number=1001),
        attempt("i", outcome=Outcome.IGNORED),
    )
    found = felt(made)
    assert (found.lost, found.failed_attempts, found.requests) == (0, 0, 1)
    assert made.first_bad_at({A}, since_at=AT) is None


def test_late_is_over_the_objective_with_what_was_waited_before() -> None:
    made = watch(
        attempt("in time"),
        attempt("late", time_to_first_chunk_s=1.2),
        failed("q", at=AT),
        attempt("q", B, at=AT + 1, number=2),
    )
    assert felt(made, A).late == 1
    assert felt(made, B).late == 1


def test_the_first_bad_attempt_is_known_to_the_second() -> None:
    made = watch(
        attempt("q1", at=AT),
        attempt("q2", at=AT + 5, time_to_first_chunk_s=2.0),
        failed("q3", at=AT + 17),
        failed("q4", at=AT + 14),
        failed("q5", B, at=AT + 1),
    )
    assert made.first_bad_at({A}, since_at=AT) == AT + 15
    assert made.first_bad_at({A}, since_at=AT, slow=True) == AT + 6
    assert made.first_bad_at({A}, since_at=AT + 16) is None, "only the first of a slot is known"
    assert made.first_bad_at({A, B}, since_at=AT) == AT + 2


def test_an_open_breaker_is_seen_by_those_who_pass_it_by() -> None:
    open_ = Candidate(channel=A, standing="open", share=0.0, slowdown=1.0, in_flight=0)
    made = watch(attempt("q", B, at=AT + 4, candidates=(open_,)), attempt("r", B, at=AT + 9))
    assert made.breaker_opened_at({A}, since_at=AT) == AT + 4
    assert made.breaker_opened_at({B}, since_at=AT) is None
    assert made.breaker_opened_at({A}, since_at=AT + 5) is None


def test_keys_are_named_once() -> None:
    made = watch(
        *(failed(f"q{n}", key_id=KeyId(f"k{n % 2}")) for n in range(5)), attempt("x", key_id=KeyId("k9"))
    )
    assert felt(made).keys == ("k0", "k1")


def test_slots_are_forgotten() -> None:
    made = watch(failed("q", at=AT))
    made.forget(AT + 3700.0)
    assert felt(made).failed_attempts == 0
    assert made.first_bad_at({A}, since_at=0.0) is None


def test_the_share_of_attempts_is_of_all_channels_of_the_routes() -> None:
    made = watch(*(attempt(f"q{n}", A if n < 3 else B, at=AT + n) for n in range(10)))
    first, second = made.tens({CHAT}, {A}, start_at=AT, end_at=AT + 20)
    assert (first.attempts, first.attempts_there) == (9, 3)
    assert (second.attempts, second.attempts_there) == (1, 0)


# The clocks -----------------------------------------------------------------------------------------------------


def slots(*bad: int, of: int = 100) -> list[Tens]:
    return [
        Tens(at=AT + 10 * n, requests=of, lost=one, late=0, attempts=of, attempts_there=one)
        for n, one in enumerate(bad)
    ]


def settled(found: list[Tens], from_at: float = AT) -> float | None:
    at = settled_at(found, bad=lambda one: one.lost, of=lambda one: one.requests, from_at=from_at)
    return None if at is None else at - AT


def test_it_is_over_when_one_in_a_hundred_is_bad() -> None:
    assert settled(slots(20, 30, 5, 1, 0)) == 30.0
    assert settled(slots(20, 30, 5, 2)) is None


def test_few_requests_are_looked_at_for_longer() -> None:
    assert settled(slots(5, 0, 0, 0, of=5)) is None
    assert settled(slots(5, *[0] * 19, of=5)) is None
    assert settled(slots(5, *[0] * 20, of=5)) == 10.0
    assert settled(slots(1, *[0] * 10, 1, *[0] * 100, of=1)) == 120.0


def test_what_was_before_does_not_count() -> None:
    assert settled(slots(0, 20, 0), from_at=AT + 15) == 20.0
    assert settled(slots(0, 0), from_at=AT + 4) == 4.0
