"""A channel's record: what was seen as a distribution, moved by what is forecast, and a limit that nobody has told."""

from dataclasses import replace

import pytest

from foreroute.control.ahead import Course
from foreroute.core.attempt import Outcome
from foreroute.core.failure import FailureClass
from foreroute.core.plan import Objective
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric
from foreroute.dashboard.cost_record import learnt_limit, mixture_p95, record
from foreroute.monitor.fold import fold
from foreroute.testing.check_store import an_attempt

OBJECTIVE = Objective(metric=Metric.LATENCY_P95, limit_s=3.0)
AT = 1_772_442_000.0


def minutes(throttled: int = 0) -> list[Rollup]:
    """A hundred answers of 0.01 s to 1 s, in one minute."""
    served = [
        replace(an_attempt(request=f"r{n}", at=AT), duration_s=n / 100.0, hedge=False) for n in range(1, 101)
    ]
    refused = [
        replace(
            an_attempt(request=f"t{n}", at=AT),
            outcome=Outcome.THROTTLED,
            failure_class=FailureClass.RATE_LIMITED,
        )
        for n in range(throttled)
    ]
    return list(fold([*served, *refused], window_s=60.0, source="t"))


def test_what_was_seen_without_a_forecast() -> None:
    found = record(minutes(), OBJECTIVE)
    assert found.p95_s == pytest.approx(0.95, rel=0.03)
    assert found.late(0.5) == pytest.approx(0.5, abs=0.03)
    assert found.success == 1.0
    assert found.model == ""


def test_a_forecast_moves_the_whole_distribution() -> None:
    slower = record(minutes(), OBJECTIVE, Course(factor=2.0, lower=2.0, upper=2.0, model="bank"))
    assert slower.p95_s == pytest.approx(1.9, rel=0.03)
    assert slower.late(1.0) == pytest.approx(0.5, abs=0.03)
    assert slower.mean_s == pytest.approx(1.01, rel=0.03)
    assert slower.model == "bank"


def test_an_unsure_forecast_makes_late_answers_more_likely_than_a_sure_one() -> None:
    sure = record(minutes(), OBJECTIVE, Course(factor=1.0, lower=1.0, upper=1.0, model="bank"))
    unsure = record(minutes(), OBJECTIVE, Course(factor=1.0, lower=0.7, upper=1.6, model="bank"))
    assert sure.late(1.05) == 0.0
    assert unsure.late(1.05) > 0.02
    assert (unsure.p95_s or 0.0) > (sure.p95_s or 0.0)


def test_the_mixture_lies_between_its_parts() -> None:
    parts = {
        "a": record(minutes(), OBJECTIVE),
        "b": record(minutes(), OBJECTIVE, Course(factor=3.0, lower=3.0, upper=3.0)),
    }
    found = mixture_p95({"a": 0.5, "b": 0.5}, parts)
    assert found is not None
    assert (parts["a"].p95_s or 0.0) < found < (parts["b"].p95_s or 0.0)
    assert found == pytest.approx(2.7, rel=0.03)


def test_a_limit_is_what_went_through_while_some_were_refused() -> None:
    assert learnt_limit(minutes()) is None
    assert learnt_limit(minutes(throttled=2)) is None
    assert learnt_limit(minutes(throttled=30)) == pytest.approx(100.0)
