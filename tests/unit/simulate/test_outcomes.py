"""What users got, counted."""

from decimal import Decimal
from typing import Any

import pytest

from foreroute.simulate.outcomes import Outcomes
from foreroute.simulate.request import Done


def done(request: Any, first_s: float | None, attempts: int = 1) -> Done:
    return Done(
        request=request,
        ended_at=request.at + 2.0,
        succeeded=first_s is not None,
        attempts=attempts,
        first_chunk_s=first_s,
        cost_usd=Decimal("0.01"),
    )


def test_failed_refused_late_and_retried_are_counted_and_times_are_of_answers(request_at: Any) -> None:
    outcomes = Outcomes(1.0)
    for number, (first_s, attempts) in enumerate([(0.5, 1), (1.5, 2), (None, 3), (None, 0), (0.7, 1)]):
        outcomes.add(done(request_at(float(number), number, place="ab"[number % 2]), first_s, attempts))
    found = outcomes.summary()
    assert (found.requests, found.failures, found.refused, found.retried, found.late) == (5, 2, 1, 2, 1)
    assert found.violations == 3
    assert found.first_chunk_s["p50"] == 0.7
    assert found.as_dict()["cost_usd"] == "0.050000"
    assert outcomes.places() == ["a", "b"]
    assert outcomes.summary(place=outcomes.places()[1]).requests == 2
    assert outcomes.summary(since_at=3.0).requests == 2


def test_a_stream_that_broke_off_has_failed_whatever_came_before(request_at: Any) -> None:
    outcomes = Outcomes(None)
    broken = done(request_at(0.0), 0.4)
    outcomes.add(Done(request=broken.request, ended_at=1.0, succeeded=False, attempts=1, first_chunk_s=0.4))
    assert outcomes.summary().failures == 1
    assert outcomes.summary().first_chunk_s == {"p50": None, "p95": None, "p99": None}


def test_the_course_has_a_row_for_each_step(request_at: Any) -> None:
    outcomes = Outcomes(None)
    for number, at in enumerate([0.0, 10.0, 65.0]):
        outcomes.add(done(request_at(at, number), 0.5 + at / 100))
    rows = outcomes.course(start_at=0.0, end_at=180.0, step_s=60.0)
    assert [row["requests"] for row in rows] == [2, 1, 0]
    assert rows[0]["p50_s"] == pytest.approx(0.55)
    assert rows[2]["p95_s"] is None
