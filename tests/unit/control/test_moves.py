"""Moves: one for each trouble, from the first step to the grade."""

from dataclasses import replace
from decimal import Decimal

import pytest

from foreroute.control.grading import GradingRules, verdict
from foreroute.control.moves import Grade, Move, MoveBook, Occasion, move_record, moves_of, read_move
from foreroute.control.suggestions import SuggestionBook
from foreroute.core.decision import (
    Autopilot,
    Capability,
    Decision,
    Proposal,
    Reason,
    ReasonCode,
    ShareChange,
)
from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.plan import Objective, RoutingPlan
from foreroute.core.rollup import Rollup
from foreroute.core.series import Metric
from foreroute.monitor.fold import merge_rollups, summary

A, B = ChannelId("a"), ChannelId("b")
CHAT = RouteName("chat")
PLAN = RoutingPlan(version=2, made_at=0.0, valid_until=600.0, routes={})
STAGES = dict.fromkeys(Capability, Autopilot.ACT)
OBJECTIVES = {CHAT: Objective(metric=Metric.FIRST_CHUNK_P95, limit_s=0.6)}
RULES = GradingRules()


def change(
    channel: ChannelId, before: float, after: float, code: ReasonCode = ReasonCode.FORECAST
) -> ShareChange:
    return ShareChange(route=CHAT, channel=channel, before=before, after=after, reason=Reason(A, code, "why"))


def moved(at: float, before: float, after: float, code: ReasonCode = ReasonCode.FORECAST) -> list[Move]:
    changes = (change(A, before, after, code), change(B, 1 - before, 1 - after, code))
    return moves_of(
        occasion(at, Decision(id=DecisionId(f"d{at:.0f}"), at=at, plan=PLAN, applied=True, changes=changes))
    )


def proposed(at: float, stage: Autopilot = Autopilot.OBSERVE) -> list[Move]:
    proposal = Proposal(
        capability=Capability.ROUTING, stage=stage, changes=(change(A, 0.5, 0.35), change(B, 0.5, 0.65))
    )
    decision = Decision(id=DecisionId(f"d{at:.0f}"), at=at, plan=PLAN, applied=False, proposals=(proposal,))
    return moves_of(occasion(at, decision, stage))


def occasion(at: float, decision: Decision, stage: Autopilot = Autopilot.ACT) -> Occasion:
    return Occasion(
        at=at,
        decision=decision,
        stages=dict.fromkeys(Capability, stage),
        objectives=OBJECTIVES,
        grade_after_s=1080.0,
    )


def minutes(
    channel: ChannelId, value_s: float, *, failed: float = 0.0, usd: str = "0.001", count: int = 20
) -> list[Rollup]:
    """Eighteen minutes from second 60 on, all requests alike."""
    good = round(count * (1 - failed))
    return [
        Rollup(
            channel=channel,
            window_start=60.0 * minute,
            source="test",
            attempts=count,
            successes=good,
            first_chunk=summary([value_s * (0.9 + 0.01 * n) for n in range(good)]),
            cost_usd=Decimal(usd) * count,
        )
        for minute in range(1, 19)
    ]


def graded(move: Move, *rollups: list[Rollup]) -> Grade:
    return verdict(move, [one for some in rollups for one in some], merge_rollups, RULES).grade


def test_the_steps_of_one_trouble_are_one_move() -> None:
    book = MoveBook(gap_s=300.0)
    (first,) = book.note(moved(60.0, 0.5, 0.35))
    (whole,) = book.note(moved(120.0, 0.35, 0.2))
    assert whole.id == first.id
    assert (whole.before[A], whole.after[A]) == (0.5, 0.2)
    assert whole.decisions == ("d60", "d120")
    (later,) = book.note(moved(1000.0, 0.5, 0.35))
    assert later.id != first.id


def test_a_step_after_the_grade_is_a_move_of_its_own() -> None:
    """No decision goes ungraded, however long its trouble lasts."""
    book = MoveBook(gap_s=300.0)
    (first,) = book.note(moved(60.0, 0.5, 0.35))
    book.close(first)
    (second,) = book.note(moved(120.0, 0.35, 0.2))
    assert second.id != first.id
    assert book.due(1e9) == [second]


def test_a_proposal_that_is_repeated_is_asked_once() -> None:
    book = MoveBook(gap_s=300.0)
    told = [book.note(proposed(60.0 * minute)) for minute in range(1, 40)]
    assert [len(one) for one in told] == [1] + [0] * 38
    assert not told[0][0].executed


def test_a_way_back_is_a_move_of_its_own_and_an_operators_is_none() -> None:
    book = MoveBook(gap_s=300.0)
    book.note(moved(60.0, 0.5, 0.35))
    assert book.note(moved(120.0, 0.35, 0.5, ReasonCode.RECOVERED))[0].code is ReasonCode.RECOVERED
    assert moved(180.0, 0.5, 0.2, ReasonCode.MANUAL) == []


def test_an_open_move_outlives_a_restart() -> None:
    (move,) = moved(60.0, 0.5, 0.35)
    known = read_move(move_record(move))
    assert known == move
    book = MoveBook(gap_s=300.0)
    book.resume([known])
    assert book.due(1139.0) == []
    assert book.due(1140.0) == [move]
    assert book.note(moved(120.0, 0.35, 0.2))[0].id == move.id


def test_a_move_away_from_what_became_slow_has_helped() -> None:
    (move,) = moved(60.0, 0.5, 0.35)
    found = verdict(move, minutes(A, 0.9) + minutes(B, 0.3), merge_rollups, RULES)
    assert (found.grade, found.came) == (Grade.HELPED, True)
    assert found.detail.startswith("the trouble came; moved requests were: 100.0% failed or late → 0.0%, ")
    assert found.requests == pytest.approx(0.15 * 2 * 18 * 20)


def test_trouble_that_did_not_come_is_a_false_alarm_unless_the_move_helped_or_hurt() -> None:
    (move,) = moved(60.0, 0.5, 0.35)
    assert graded(move, minutes(A, 0.3), minutes(B, 0.3)) is Grade.FALSE_ALARM
    assert graded(move, minutes(A, 0.5), minutes(B, 0.3)) is Grade.HELPED
    assert graded(move, minutes(A, 0.3), minutes(B, 0.5)) is Grade.HURT
    assert graded(move, minutes(A, 0.3), minutes(B, 0.3, failed=0.3)) is Grade.HURT


def test_trouble_everywhere_makes_no_difference() -> None:
    (move,) = moved(60.0, 0.5, 0.35)
    assert graded(move, minutes(A, 0.9), minutes(B, 0.9)) is Grade.NO_DIFFERENCE


def test_what_was_not_measured_is_not_told() -> None:
    (move,) = moved(60.0, 0.5, 0.0, ReasonCode.REMEDY)
    found = verdict(move, minutes(B, 0.3), merge_rollups, RULES)
    assert (found.grade, found.came) == (Grade.UNKNOWN, None)
    few = minutes(A, 0.9, count=1)[:5]
    assert verdict(move, few + minutes(B, 0.3), merge_rollups, RULES).came is None
    assert verdict(move, few + minutes(B, 0.3), merge_rollups, RULES).grade is Grade.UNKNOWN


def test_a_channel_that_is_asked_little_while_it_is_ill_is_not_taken_for_well() -> None:
    """Eight minutes of failures seen by two attempts each, then ten good ones with forty."""
    (move,) = moved(60.0, 0.5, 0.03, ReasonCode.FAILING)
    ill, well = minutes(A, 0.3, failed=1.0, count=2)[:8], minutes(A, 0.3, count=40)[8:]
    found = verdict(move, ill + well + minutes(B, 0.3, count=60), merge_rollups, RULES)
    assert found.source is not None
    assert 0.3 < found.source.bad_ratio < 0.5
    assert (found.grade, found.came) == (Grade.HELPED, True)


def test_minutes_outside_its_time_say_nothing_about_a_move() -> None:
    (move,) = moved(60.0, 0.5, 0.35)
    late = [replace(one, window_start=one.window_start + 1080.0) for one in minutes(A, 0.9)]
    assert graded(move, late, minutes(B, 0.3)) is Grade.UNKNOWN


def test_a_few_failures_more_may_be_chance() -> None:
    (move,) = moved(60.0, 0.5, 0.35, ReasonCode.FAILING)
    thin = minutes(A, 0.3, failed=0.1, count=10)[:1]
    assert graded(move, thin, minutes(B, 0.3)) in {Grade.FALSE_ALARM, Grade.NO_DIFFERENCE}
    assert graded(move, minutes(A, 0.3, failed=0.1), minutes(B, 0.3)) is Grade.HELPED


def test_a_budgets_move_is_judged_by_what_it_saved() -> None:
    (move,) = moved(60.0, 0.5, 0.35, ReasonCode.BUDGET)
    assert (move.capability, move.channel) == (Capability.BUDGET, None)
    dear, cheap = minutes(A, 0.3, usd="0.004"), minutes(B, 0.3)
    assert graded(move, dear, cheap) is Grade.HELPED
    assert graded(move, cheap_as(A), minutes(B, 0.3, usd="0.004")) is Grade.HURT
    assert graded(move, dear, minutes(B, 0.3, failed=0.4)) is Grade.HURT


def cheap_as(channel: ChannelId) -> list[Rollup]:
    return minutes(channel, 0.3)


def test_a_suggestion_waits_keeps_its_name_and_expires() -> None:
    book = SuggestionBook(valid_s=600.0, gap_s=300.0)
    for minute in range(1, 10):
        book.update(proposed(60.0 * minute, Autopilot.SUGGEST), 60.0 * minute)
    (one,) = book.waiting
    assert (one.at, one.expires_at, one.channel) == (60.0, 660.0, A)
    assert book.update(proposed(660.0, Autopilot.SUGGEST), 660.0) == [one]
    assert book.update([], 720.0) == []
    assert book.waiting == ()


def test_what_only_observes_is_no_suggestion() -> None:
    book = SuggestionBook(valid_s=600.0, gap_s=300.0)
    book.update(proposed(60.0), 60.0)
    assert book.waiting == ()


def test_a_dismissed_suggestion_comes_again_only_after_its_trouble_has_gone() -> None:
    book = SuggestionBook(valid_s=600.0, gap_s=300.0)
    book.update(proposed(60.0, Autopilot.SUGGEST), 60.0)
    assert book.dismiss(book.waiting[0].id, 61.0) is not None
    assert book.dismiss("unknown", 61.0) is None
    for minute in range(2, 12):
        book.update(proposed(60.0 * minute, Autopilot.SUGGEST), 60.0 * minute)
    assert book.waiting == ()
    book.update([], 1100.0)
    book.update(proposed(1160.0, Autopilot.SUGGEST), 1160.0)
    assert len(book.waiting) == 1
