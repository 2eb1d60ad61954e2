"""Incidents from tick to tick: opened, widened, merged, told on, closed, reopened, foreseen."""

from dataclasses import replace

import pytest
from tests.incident_ticks import AT, CHAT, Ticks, cause, decision, early_move, graded

from foreroute.control.incidents.codec import kept, read
from foreroute.control.incidents.seen import PatternHit
from foreroute.control.moves import Grade
from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.decision import ReasonCode
from foreroute.core.failure import FailureClass
from foreroute.core.findings import IncidentState
from foreroute.core.ids import ChannelId, IncidentId, RequestId
from foreroute.core.incident import SLOW, Act, ActKind, ForecastOutcome, Note, Origin
from foreroute.core.patterns import ChannelFact

US = ["aws-us-1", "aws-us-2"]


def test_one_channel_is_one_incident_with_all_its_phases() -> None:
    ticks = Ticks()
    ticks.minute()
    ticks.minute(bad=["aws-us-1"], decision=decision(AT + 120, aws_us_1=(0.17, 0.05)))
    (report,) = ticks.open
    assert report.key == ("channel", "aws-us-1", "overloaded_or_capacity")
    assert report.phases.first_bad_at == AT + 61.0, "the first failed attempt of the minute"
    assert report.phases.detected_at == report.phases.decided_at == AT + 120
    assert report.share_before == pytest.approx(1 / 6)
    assert report.share_least == pytest.approx(0.05 / (0.05 + 5 / 6))
    assert report.acts[0].id == f"d{AT + 120:.0f}"
    assert (report.felt.lost, report.felt.requests) == (10, 60)
    ticks.minute()
    (report,) = ticks.reports
    assert report.phases.verified_at == report.phases.closed_at == AT + 180
    assert report.clocks.user_s is None, "sixty requests do not tell one in a hundred"
    ticks.minute()
    assert ticks.reports[0].clocks.user_s == 49.0, "from 61 s on to 110 s, the last one of a hundred in it"


def test_a_request_that_is_answered_in_the_end_was_not_lost() -> None:
    ticks = Ticks()
    ticks.minute()
    first = Attempt(
        request_id=RequestId("slow"),
        number=1,
        route=CHAT,
        channel=ChannelId("aws-us-1"),
        started_at=AT + 70.0,
        duration_s=1.0,
        outcome=Outcome.FAILURE,
        failure_class=FailureClass.OVERLOADED,
        reason=PickReason.CONFIGURED,
        plan_version=1,
    )
    ticks.book.watch.observe([first])
    ticks.at += 60.0
    trouble = ticks._incident("aws-us-1", "overloaded_or_capacity", False)
    ticks.tell(incidents=(trouble,))
    assert ticks.open[0].clocks.first_lost_at is not None
    second = replace(
        first,
        number=2,
        channel=ChannelId("gcp-eu-1"),
        started_at=AT + 130.0,
        outcome=Outcome.SUCCESS,
        failure_class=None,
    )
    ticks.book.watch.observe([second])
    ticks.at += 60.0
    ticks.tell(incidents=(trouble,))
    (report,) = ticks.open
    assert (report.felt.lost, report.felt.rescued) == (0, 1)
    assert (report.clocks.first_lost_at, report.clocks.user_s) == (None, 0.0)


def test_the_same_tick_again_changes_nothing() -> None:
    ticks = Ticks()
    for bad in ([], US[:1], US, US, [], []):
        ticks.minute(bad=bad)
        assert ticks.again() == []


def test_a_region_is_one_incident_and_grows_under_the_same_name() -> None:
    ticks = Ticks()
    ticks.minute(bad=US[:1])
    (first,) = ticks.open
    ticks.minute(bad=US)
    (report,) = ticks.open
    assert report.id == first.id, "permalinks stay"
    assert report.key[:2] == ("region", "aws/us")
    assert report.channels == set(US)
    ticks.minute(bad=US[1:])
    (report,) = ticks.open
    assert report.key[:2] == ("region", "aws/us"), "it does not shrink while it is open"
    ticks.minute()
    assert ticks.open == []


def test_a_provider_is_one_incident() -> None:
    ticks = Ticks()
    ticks.minute(bad=[*US, "aws-eu-1"])
    (report,) = ticks.open
    assert report.key[:2] == ("provider", "aws")


def test_a_region_of_several_clouds_that_fails_at_once_is_one_incident() -> None:
    ticks = Ticks()
    ticks.minute(bad=[*US, "gcp-us-1"])
    (report,) = ticks.open
    assert report.key[:2] == ("region", "us")
    assert ticks.reports == [report], "nobody has heard of its parts"


def test_two_troubles_at_two_places_are_two_incidents() -> None:
    ticks = Ticks()
    ticks.minute(bad=["aws-us-1", "gcp-eu-2"])
    assert [one.name for one in ticks.open] == ["aws-us-1", "gcp-eu-2"]


def test_two_that_turn_out_to_be_one_go_on_as_the_earlier() -> None:
    ticks = Ticks()
    ticks.minute(bad=["gcp-eu-1"])
    ticks.minute(bad=["gcp-eu-1"])
    ticks.minute("timeout_read", bad=["gcp-eu-2"], is_blind=True)
    first, second = ticks.open
    ticks.since[("gcp-eu-1", "overloaded_or_capacity")] = AT
    ticks.minute(bad=["gcp-eu-1", "gcp-eu-2"])
    (report,) = ticks.open
    assert report.id == first.id
    merged = ticks.book.reports[second.id]
    assert (merged.merged_into, merged.is_open) == (first.id, False)


def test_the_same_trouble_soon_after_its_end_was_never_over() -> None:
    ticks = Ticks()
    ticks.minute(bad=US[:1])
    ticks.minute()
    assert ticks.open == []
    ticks.minute(bad=US[:1])
    (report,) = ticks.open
    assert (report.relapses, report.phases.closed_at) == (1, None)


def test_later_it_is_another_one_linked_to_the_first() -> None:
    ticks = Ticks()
    ticks.minute(bad=US[:1])
    ticks.minute()
    (first,) = ticks.reports
    ticks.at += 3 * 86_400.0
    ticks.minute(bad=US[:1])
    (second,) = ticks.open
    assert (second.recurrence_of, second.recurrences) == (first.id, 1)
    ticks.minute()
    ticks.at += 15 * 86_400.0
    ticks.minute(bad=US[:1])
    assert ticks.open[0].recurrence_of is None, "that is too long ago"


def test_what_nobody_saw_the_end_of_ends_after_a_while() -> None:
    """As after a restart, when self-healing knows nothing of it."""
    ticks = Ticks()
    ticks.minute(bad=US[:1])
    ticks.since.clear()
    ticks.minute()
    ticks.minute()
    assert len(ticks.open) == 1
    ticks.minute()
    assert ticks.open == []


def test_a_blind_tick_ends_nothing() -> None:
    ticks = Ticks()
    ticks.minute(bad=US[:1])
    ticks.since.clear()
    for _ in range(10):
        ticks.at += 60.0
        ticks.tell(is_blind=True)
    assert len(ticks.open) == 1


def test_slowness_is_an_incident_of_its_own_kind() -> None:
    ticks = Ticks()
    ticks.minute()
    ticks.at += 60.0
    late = frozenset({ChannelId("aws-us-1")})
    ticks.tell(causes=[cause("aws-us-1", ReasonCode.SLOW, ticks.at)], late_now=late)
    (report,) = ticks.open
    assert report.kind == SLOW
    ticks.at += 60.0
    ticks.tell(causes=[cause("aws-us-1", ReasonCode.SLOW, ticks.at - 60.0)])
    assert len(ticks.open) == 1, "it is slow for no longer than a moment"


def test_failures_that_self_healing_is_not_sure_of_yet_are_an_incident_already() -> None:
    ticks = Ticks()
    ticks.minute()
    ticks.at += 60.0
    ticks.tell(
        causes=[cause("aws-us-1", ReasonCode.FAILING, ticks.at, "90% of 10 attempts failed (limit 25%)")]
    )
    (report,) = ticks.open
    assert report.members[0].evidence.startswith("90% of 10")
    ticks.minute(bad=["aws-us-1"])
    assert [one.id for one in ticks.open] == [report.id] or len(ticks.open) <= 2


def test_acts_of_operators_and_the_tuner_are_linked_by_their_names() -> None:
    ticks = Ticks()
    noted = [
        Act(id="1/kill_switch", kind=ActKind.OPERATOR, at=AT + 70, what="kill_switch: on"),
        Act(id="2/mute", kind=ActKind.OPERATOR, at=AT + 71, what="mute: gcp-eu-1"),
        Act(id="3/tune", kind=ActKind.TUNER, at=AT + 72, what="tune: aws-us-1 first_chunk 60 s to 20 s"),
    ]
    ticks.minute(bad=US[:1], noted=noted)
    (report,) = ticks.open
    assert [act.id for act in report.acts] == ["1/kill_switch", "3/tune"]


def test_playbook_runs_are_acts_of_which_each_is_told_once() -> None:
    ticks = Ticks()
    ticks.minute(bad=US[:1])
    assert ticks.last is not None
    ran = replace(ticks.last.incidents[0], playbooks_run=("overloaded",), state=IncidentState.MITIGATED)
    for _ in range(3):
        ticks.at += 60.0
        ticks.tell(incidents=(ran,))
    (report,) = ticks.open
    assert [(act.id, act.applied) for act in report.acts] == [("inc-aws-us-1/1", True)]
    assert report.phases.decided_at == AT + 120


def test_patterns_are_counted_from_its_first_bad_attempt_on() -> None:
    def hit(at: float, channel: str, count: int) -> PatternHit:
        return PatternHit(at, "t-1", ChannelId(channel), count, "connecting took too long", "connecting …")

    ticks = Ticks()
    hits = [hit(AT - 60, "aws-us-1", 50), hit(AT + 60, "aws-us-1", 3), hit(AT + 60, "gcp-eu-1", 7)]
    ticks.minute(bad=US[:1], hits=hits)
    ticks.minute(bad=US[:1], hits=[*hits, hit(AT + 120, "aws-us-1", 2)])
    assert [(one.id, one.count) for one in ticks.open[0].patterns] == [("t-1", 5)]


def test_a_guard_is_proposed_from_the_cause_and_from_what_was_learnt() -> None:
    ticks = Ticks()
    limit = ChannelFact(
        channel=ChannelId("aws-us-1"),
        name="requests_per_minute",
        value="throttles from about 60 requests a minute",
        at=AT,
    )
    ticks.minute("rate_limited", bad=US[:1], facts=[limit])
    (guard,) = ticks.open[0].guards
    assert (guard.code, guard.values["limit"]) == ("rate", "60")
    assert "requests_per_minute: 60" in guard.config


def test_where_every_channel_of_a_route_is_in_it_a_standby_is_proposed_first() -> None:
    ticks = Ticks()
    ticks.minute(bad=[*US, "gcp-us-1", "aws-eu-1", "gcp-eu-1", "gcp-eu-2"])
    codes = {guard.code for report in ticks.open for guard in report.guards}
    assert codes >= {"capacity"}


def test_notes_and_closing_by_hand() -> None:
    ticks = Ticks()
    ticks.minute(bad=US[:1])
    (report,) = ticks.open
    ticks.book.note(report.id, Note(ticks.at, "ann", "the provider knows"))
    closed = ticks.book.close(report.id, ticks.at + 5.0, "ann")
    assert (closed.closed_by, closed.phases.closed_at) == ("ann", ticks.at + 5.0)
    assert ticks.book.close(report.id, ticks.at + 50.0, "bob") == closed
    ticks.minute(bad=US[:1])
    assert ticks.open[0].id != report.id, "what goes on after somebody has closed it is another one"


def test_it_reads_back_what_it_keeps() -> None:
    ticks = Ticks()
    ticks.minute(bad=US, decision=decision(AT + 60, aws_us_1=(0.2, 0.1)))
    (report,) = ticks.open
    ticks.book.note(report.id, Note(ticks.at, "ann", "ü"))
    report = ticks.book.reports[report.id]
    assert read([kept(report)]) == [report]
    assert read([replace(kept(report), body=b"{}")]) == []


# What is foreseen -----------------------------------------------------------------------------------------------


def test_an_early_move_opens_an_incident_that_waits_for_its_grade() -> None:
    ticks = Ticks()
    ticks.minute()
    ticks.minute(moves=[early_move("aws-us-1", AT + 120)])
    (report,) = ticks.open
    assert (report.origin, report.outcome) == (Origin.FORECAST, ForecastOutcome.PENDING)
    assert (report.foreseen_at, report.phases.first_bad_at) == (AT + 120, None)
    ticks.minute()
    assert ticks.open == [ticks.book.reports[report.id]]


def grade(came: bool | None, grade_: Grade = Grade.HELPED) -> ForecastOutcome | None:
    ticks = Ticks()
    move = early_move("aws-us-1", AT + 60)
    ticks.minute(moves=[move])
    ticks.minute(moves=[graded(move, grade_, came=came)])
    (report,) = ticks.reports
    assert not report.is_open
    assert report.outcome_detail == "as measured"
    return report.outcome


def test_it_is_graded_by_what_the_channel_did_then() -> None:
    assert grade(True) is ForecastOutcome.PREVENTED
    assert grade(False, Grade.FALSE_ALARM) is ForecastOutcome.FALSE_ALARM
    assert grade(None, Grade.UNKNOWN) is ForecastOutcome.UNGRADABLE


def test_trouble_that_comes_all_the_same_is_part_of_it() -> None:
    ticks = Ticks()
    move = early_move("aws-us-1", AT + 60)
    ticks.minute(moves=[move])
    ticks.at += 60.0
    late = frozenset({ChannelId("aws-us-1")})
    standing = cause("aws-us-1", ReasonCode.FORECAST, AT + 60)
    ticks.tell(causes=[standing], late_now=late)
    (report,) = ticks.open
    assert report.origin is Origin.FORECAST
    assert report.phases.first_bad_at is not None
    assert report.foreseen_at is not None
    assert report.foreseen_at <= ticks.at
    ticks.minute(moves=[graded(move, Grade.NO_DIFFERENCE, came=True)])
    assert ticks.reports[0].outcome is ForecastOutcome.PREVENTED
    assert ticks.reports[0].is_open, "it is slow still"
    for _ in range(4):
        ticks.minute()
    assert not ticks.reports[0].is_open


def test_a_proposal_prevents_nothing_and_trouble_that_is_there_was_not_foreseen() -> None:
    ticks = Ticks()
    ticks.minute(moves=[early_move("aws-us-1", AT + 60, executed=False)])
    assert ticks.reports == []
    ticks.minute("timeout_read", bad=US[:1])
    ticks.minute("timeout_read", bad=US[:1], moves=[early_move("aws-us-1", AT + 180)])
    assert [one.origin for one in ticks.reports] == [Origin.OBSERVED]


def test_a_name_says_the_day_and_follows_from_what_happened() -> None:
    one, other = Ticks(), Ticks()
    for ticks in (one, other):
        ticks.minute(bad=US[:1])
    assert one.open[0].id == other.open[0].id
    assert one.open[0].id.startswith("i20260302-")
    assert one.open[0].id != IncidentId("")
