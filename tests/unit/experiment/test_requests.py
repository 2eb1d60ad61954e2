"""Attempts to what a client saw."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from foreroute.core.attempt import ArmMark, Attempt, Outcome, PickReason, Usage
from foreroute.core.experiment import SHADOW_NUMBER
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.ledger import LedgerEntry
from foreroute.experiment.measures import Measure
from foreroute.experiment.requests import SETTLE_S, Requests, values_of

MARK = ArmMark("run.1", "b", "u1")


def attempt(
    number: int = 1, *, at: float = 100.0, took_s: float = 2.0, ok: bool = True, **more: object
) -> Attempt:
    one = Attempt(
        request_id=RequestId("q"),
        number=number,
        route=RouteName("chat"),
        channel=ChannelId("a"),
        started_at=at,
        duration_s=took_s,
        outcome=Outcome.SUCCESS if ok else Outcome.FAILURE,
        failure_class=None if ok else FailureClass.SERVER_ERROR,
        reason=PickReason.CONFIGURED,
        plan_version=1,
        stream=True,
        time_to_first_chunk_s=0.5 if ok else None,
        usage=Usage(10, output_tokens=7 if ok else 0),
        cost_usd=Decimal("0.25"),
        arms=(MARK,),
    )
    return replace(one, **more)  # type: ignore[arg-type]


def entry(one: Attempt) -> LedgerEntry:
    return LedgerEntry(attempt=one, cost_usd=one.cost_usd, price_source="config")


def requests() -> Requests:
    return Requests("run.1", lambda _asked, _stream: {Measure.LATENCY: 1.0})


def test_a_failover_is_part_of_what_the_client_waited_for() -> None:
    seen = values_of([attempt(1, ok=False, took_s=1.0), attempt(2, at=101.5, took_s=2.0)])
    assert seen[Measure.LATENCY_MEAN] == pytest.approx(3.5)
    assert seen[Measure.LATENCY] == pytest.approx(math.log(3.5))
    assert seen[Measure.FIRST_CHUNK] == pytest.approx(math.log(2.0))
    assert (seen[Measure.FAILURES], seen[Measure.TOKENS], seen[Measure.COST]) == (0.0, 7.0, 0.5)


def test_a_failure_has_no_latency_and_a_client_that_left_no_verdict() -> None:
    assert values_of([attempt(ok=False)]) == {Measure.FAILURES: 1.0, Measure.COST: 0.25}
    assert values_of([attempt(outcome=Outcome.IGNORED)]) == {Measure.COST: 0.25}


def test_a_cost_that_is_not_known_is_not_zero() -> None:
    assert Measure.COST not in values_of([attempt(cost_usd=None)])


def test_a_success_is_over_at_once_and_a_failure_after_a_while() -> None:
    book = requests()
    assert len(book.take([entry(attempt())], 103.0)) == 1
    failed = replace(attempt(ok=False), request_id=RequestId("r"))
    assert book.take([entry(failed)], 103.0) == []
    assert book.take([], 102.0 + SETTLE_S) == []
    found = book.take([], 102.1 + SETTLE_S)
    assert [one.values[Measure.FAILURES] for one in found] == [1.0]


def test_attempts_may_come_apart() -> None:
    book = requests()
    assert book.take([entry(attempt(1, ok=False, took_s=1.0))], 101.0) == []
    (seen,) = book.take([entry(attempt(2, at=101.0))], 104.0)
    assert seen.values[Measure.LATENCY_MEAN] == pytest.approx(3.0)
    assert seen.before == {Measure.LATENCY: 1.0}


def test_what_comes_after_the_end_is_said_and_not_counted() -> None:
    book = requests()
    book.take([entry(attempt(1, ok=False))], 103.0)
    assert len(book.take([], 103.0 + 2 * SETTLE_S)) == 1
    assert book.take([entry(attempt(2, at=400.0))], 410.0) == []
    assert book.late == 1


def test_copies_and_other_runs_stand_apart() -> None:
    book = requests()
    copy = attempt(SHADOW_NUMBER)
    other = attempt(arms=(ArmMark("other.1", "b", "u1"),))
    (seen,) = book.take([entry(copy), entry(other)], 103.0)
    assert seen.is_copy


def test_open_requests_outlive_a_restart() -> None:
    book, again = requests(), requests()
    book.take([entry(attempt(1, ok=False, took_s=1.0))], 101.0)
    again.load(book.dump())
    (seen,) = again.take([entry(attempt(2, at=101.0))], 104.0)
    assert seen.values[Measure.LATENCY_MEAN] == pytest.approx(3.0)
    assert seen.values[Measure.COST] == 0.5
