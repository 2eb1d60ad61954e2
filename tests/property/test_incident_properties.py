"""Whatever befalls six channels in whatever order: what holds of their incidents."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.incident_ticks import AT, PLACES, Ticks, early_move, graded

from foreroute.control.incidents.clocks import settled_at
from foreroute.control.incidents.codec import kept, read
from foreroute.control.incidents.watch import Tens
from foreroute.control.moves import Grade
from foreroute.core.incident import Felt, Origin, PhaseTimes

KINDS = ["overloaded_or_capacity", "timeout_read", "rate_limited", "authentication"]
minutes = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.sets(st.sampled_from(sorted(PLACES)), max_size=4), st.integers(0, 12)
    ),
    max_size=8,
)
stories = settings(max_examples=25)
"""Each example is up to eight minutes of sixty requests."""


def played(story: list[tuple[str, set[str], int]]) -> Ticks:
    ticks = Ticks()
    move = early_move("aws-us-1", AT + 60)
    ticks.minute(moves=[move])
    for number, (kind, bad, pause) in enumerate(story):
        ticks.at += 60.0 * pause
        graded_ = [graded(move, Grade.HELPED, came=True)] if number == 5 else []
        ticks.minute(kind, bad=bad, moves=graded_)
        check(ticks)
    return ticks


def check(ticks: Ticks) -> None:
    keys = Counter(one.key for one in ticks.open)
    assert all(count == 1 for count in keys.values()), "at most one is open of each scope and kind"
    for report in ticks.reports:
        times = [at for _, at in report.phases.known()]
        assert times == sorted(times), "phases are in their order"
        assert report.is_open == (report.phases.closed_at is None)
        assert report.phases.first_bad_at is not None or report.origin is Origin.FORECAST
        assert report.felt.lost >= 0
        assert report.felt.rescued >= 0
        if report.share_before is not None and report.share_least is not None:
            assert 0.0 <= report.share_least <= report.share_before + 1e-9
        if report.merged_into is not None:
            assert report.merged_into in ticks.book.reports
    assert ticks.again() == [], "the same tick again changes nothing"


@stories
@given(minutes)
def test_phases_are_ordered_and_at_most_one_is_open(story: list[tuple[str, set[str], int]]) -> None:
    played(story)


@stories
@given(minutes)
def test_closing_is_idempotent_and_nothing_else_reopens_it(story: list[tuple[str, set[str], int]]) -> None:
    ticks = played(story)
    for report in ticks.reports:
        once = ticks.book.close(report.id, ticks.at, "ann")
        assert ticks.book.close(report.id, ticks.at + 99.0, "bob") == once
    assert ticks.open == []


@stories
@given(minutes)
def test_what_is_kept_is_read_back(story: list[tuple[str, set[str], int]]) -> None:
    reports = played(story).reports
    assert read(kept(one) for one in reports) == reports


@stories
@given(minutes)
def test_a_restart_in_between_makes_no_second_incident(story: list[tuple[str, set[str], int]]) -> None:
    """The book is read back after every tick."""
    ticks = Ticks()
    for kind, bad, _ in story:
        ticks.minute(kind, bad=bad)
        reports = read(kept(one) for one in ticks.reports)
        ticks.book.reports.clear()
        ticks.book.resume(reports)
        assert max(Counter(one.key for one in ticks.open).values(), default=1) == 1


instants = st.none() | st.floats(0.0, 1e9)


@given(
    st.builds(
        PhaseTimes, first_bad_at=instants, detected_at=instants, decided_at=instants, closed_at=instants
    )
)
def test_ordering_keeps_what_is_in_order_and_forgets_nothing(phases: PhaseTimes) -> None:
    found = phases.ordered()
    assert [name for name, _ in found.known()] == [name for name, _ in phases.known()]
    times = [at for _, at in found.known()]
    assert times == sorted(times)
    assert found.ordered() == found
    assert all(after >= before for (_, before), (_, after) in zip(phases.known(), found.known(), strict=True))


counts = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=30)


@given(counts)
def test_a_service_is_settled_at_a_slot_of_its_own_and_not_while_all_is_bad(
    found: list[tuple[int, int]],
) -> None:
    slots = [
        Tens(at=10.0 * n, requests=of, lost=min(bad, of), late=0, attempts=of, attempts_there=0)
        for n, (of, bad) in enumerate(found)
    ]
    at = settled_at(slots, bad=lambda one: one.lost, of=lambda one: one.requests, from_at=0.0)
    assert at is None or any(at == slot.at for slot in slots)
    all_bad = settled_at(slots, bad=lambda one: one.requests, of=lambda one: one.requests, from_at=0.0)
    assert all_bad is None


felt = st.builds(
    Felt,
    requests=st.integers(0, 99),
    lost=st.integers(0, 99),
    keys=st.lists(st.sampled_from("abc"), max_size=3).map(lambda keys: tuple(sorted(set(keys)))),
)


@given(felt, felt, felt)
def test_what_was_felt_adds_up_in_any_order(one: Felt, other: Felt, third: Felt) -> None:
    assert (one + other) + third == one + (other + third)
    assert one + other == other + one
