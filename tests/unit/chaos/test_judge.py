"""The two clocks and the rules that hold for every fault, on made-up runs."""

import pytest

from foreroute.chaos.answer import Answer, Verdict
from foreroute.chaos.catalogue import FAULTS
from foreroute.chaos.fault import Expected, Fault, Kind
from foreroute.chaos.judge import channel_clock, judge, user_clock
from foreroute.chaos.page import page
from foreroute.chaos.seen import Asked, Seen
from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId, RequestId, RouteName

BAD, GOOD = ChannelId("bad"), ChannelId("good")
WHOLE = Answer(status=200, seconds=0.1)


def attempt(at: float, channel: ChannelId, failure: FailureClass | None = None, **more) -> Attempt:
    return Attempt(
        request_id=RequestId(f"r{at}{channel}"),
        number=1,
        route=RouteName("chat"),
        channel=channel,
        started_at=at,
        duration_s=0.1,
        outcome=Outcome.SUCCESS if failure is None else Outcome.FAILURE,
        failure_class=failure,
        **{"reason": PickReason.CONFIGURED, "plan_version": 0, **more},
    )


def seen(bad_until: float = 0.0, back_at: float = 65.0, **changes) -> Seen:
    """A fault from second 20 to 60, whose users got bad answers and whose channel got requests until `bad_until`."""
    fault = Fault(
        id="made_up",
        what="made up",
        expected=Expected(classes=frozenset({FailureClass.OVERLOADED}), bad_max=99),
    )
    run = Seen(fault=fault, faulty=(BAD,), began_at=20.0, ended_at=60.0)
    for second in range(140):
        at = float(second)
        is_bad = 20.0 <= at < bad_until
        run.asked.append(Asked(at, WHOLE, Verdict.TOLD if is_bad else Verdict.COMPLETE))
    attempts = [attempt(float(second), GOOD) for second in range(140)]
    attempts += [
        attempt(20.0 + n, BAD, FailureClass.OVERLOADED) for n in range(max(1, int(bad_until - 20.0)))
    ]
    attempts.append(attempt(back_at, BAD))
    run.attempts = sorted(attempts, key=lambda one: one.started_at)
    for name, value in changes.items():
        setattr(run, name, value)
    return run


def test_both_clocks_end_with_the_last_bad_one() -> None:
    assert user_clock(seen(bad_until=28.0)) == pytest.approx(7.0, abs=1e-3)
    assert channel_clock(seen(bad_until=28.0)) == pytest.approx(7.0, abs=1e-3)
    assert user_clock(seen()) == 0.0


def test_a_fault_that_never_settles_has_no_time() -> None:
    assert user_clock(seen(bad_until=59.0)) is None
    assert channel_clock(seen(bad_until=59.0)) is None


def test_a_slow_answer_is_a_bad_one_to_its_user() -> None:
    run = seen()
    run.asked[25] = Asked(25.0, Answer(status=200, seconds=3.0), Verdict.COMPLETE)
    assert user_clock(run) == pytest.approx(5.0, abs=1e-3)


def test_a_good_run_passes() -> None:
    finding = judge(seen())
    assert finding.problems == ()
    assert (finding.requests, finding.bad, finding.reached) == (40, 0, 1)
    assert finding.back_s == pytest.approx(5.1)


def test_what_must_never_be_is_found() -> None:
    lied = seen()
    lied.asked[30] = Asked(30.0, WHOLE, Verdict.LIED)
    assert any("lied" in problem for problem in judge(lied).problems)
    late = seen()
    late.asked[30] = Asked(30.0, Answer(status=200, seconds=61.0), Verdict.COMPLETE)
    assert any("beyond the deadline" in problem for problem in judge(late).problems)
    assert any("not in the books" in problem for problem in judge(seen(unrecorded=2)).problems)
    gone = seen(back_at=125.0)
    assert any("after 65.1 s" in problem for problem in judge(gone).problems)


def test_the_wrong_class_and_none_at_all_are_found() -> None:
    wrong = seen()
    wrong.attempts = [attempt(25.0, BAD, FailureClass.TIMEOUT_READ), attempt(65.0, BAD)]
    problems = judge(wrong).problems
    assert any("recorded as timeout_read" in problem for problem in problems)
    assert any("no failure was recorded as overloaded" in problem for problem in problems)


def test_the_catalogue_is_whole() -> None:
    names = [fault.id for fault in FAULTS]
    assert len(set(names)) == len(names) >= 80
    assert {fault.kind for fault in FAULTS} == set(Kind)
    assert all(fault.expected.classes or fault.healthy or fault.expected.within_s for fault in FAULTS)


def test_the_page_has_a_row_for_each_fault() -> None:
    fault = FAULTS[5]
    run = seen(fault=fault)
    text = page([judge(run)])
    assert f"`{fault.id}`: {fault.what}" in text
    assert "as expected" in text or "**" in text
