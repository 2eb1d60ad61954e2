"""Packed minutes come back as they were, but for the eighth digit of durations."""

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreroute.core.attempt import Usage
from foreroute.core.failure import FailureClass
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import NO_LATENCY, LatencySummary, Rollup
from foreroute.core.series import Metric, value_of
from foreroute.monitor.fold import summary
from foreroute.store.columns import Numbers, pack, unpack
from foreroute.store.spans import Member, read_members, write_members

A = ChannelId("a")
ORIGIN_AT = 1_772_409_600.0


@st.composite
def rollups(draw: st.DrawFn) -> Rollup:
    def summaries() -> LatencySummary:
        values = draw(st.lists(st.floats(0.001, 600.0), max_size=5))
        bare = LatencySummary(count=3, p95_s=1.5)
        slowed = replace(summary(values), slowdown_total=4.5, slowdown_count=3)
        return draw(st.sampled_from([summary(values), slowed, bare, NO_LATENCY]))

    counts = [draw(st.integers(0, 10**9)) for _ in range(4)]
    failures = draw(st.dictionaries(st.sampled_from(list(FailureClass)), st.integers(1, 99), max_size=3))
    return Rollup(
        channel=A,
        segment="route=chat",
        window_start=ORIGIN_AT + draw(st.floats(0.0, 14_399.0)),
        window_s=draw(st.sampled_from([1.0, 60.0, 3600.0])),
        source=draw(st.sampled_from(["run-1.5", "run-1.5~3", "later"])),
        attempts=sum(counts),
        successes=counts[0],
        throttles=counts[1],
        ignored=counts[2],
        failures=failures,
        latency=summaries(),
        first_chunk=summaries(),
        usage=Usage(*[draw(st.integers(0, 10**15)) for _ in range(5)]),
        cost_usd=Decimal(draw(st.integers(-(10**18), 10**18))) / 10**12,
        unpriced_attempts=draw(st.integers(0, 9)),
        metrics=draw(st.sampled_from([(), (), ("attempts", "latency_p95")])),
    )


def near(one: LatencySummary, other: LatencySummary) -> bool:
    for field in ("total_s", "p50_s", "p95_s", "p99_s"):
        mine, theirs = getattr(one, field), getattr(other, field)
        if (mine is None) != (theirs is None) or (
            mine is not None and mine != pytest.approx(theirs, rel=1e-7)
        ):
            return False
    return (one.count, one.sketch) == (other.count, other.sketch)


@given(st.lists(rollups(), min_size=1, max_size=20))
@settings(deadline=None)
def test_what_is_packed_comes_back(known: list[Rollup]) -> None:
    packed = pack(known, ORIGIN_AT)
    found = unpack(packed.numbers, packed.sketches, channel=A, segment="route=chat", origin_at=ORIGIN_AT)
    assert packed.rollups == len(found) == len(known)
    for one, other in zip(found, known, strict=True):
        assert near(one.latency, other.latency)
        assert near(one.first_chunk, other.first_chunk)
        plain = replace(one, latency=other.latency, first_chunk=other.first_chunk)
        assert plain == other
    again = pack(found, ORIGIN_AT)
    assert again == packed, "packing what was packed changes nothing more"


@given(st.lists(rollups(), min_size=1, max_size=10), st.sampled_from(list(Metric)))
@settings(deadline=None)
def test_a_column_says_what_the_rollups_say(known: list[Rollup], metric: Metric) -> None:
    packed = pack(known, ORIGIN_AT)
    numbers = Numbers(packed.numbers, ORIGIN_AT)
    assert numbers.starts_at() == [rollup.window_start for rollup in known]
    for value, rollup in zip(numbers.values(metric), known, strict=True):
        expected = value_of(rollup, metric)
        assert math.isnan(value) if math.isnan(expected) else value == pytest.approx(expected, rel=1e-6)


def test_every_field_of_a_rollup_is_packed() -> None:
    """A field that is added without being packed would come back as its default: this list is to be changed with both."""
    assert [field.name for field in fields(Rollup)] == [
        *("channel", "window_start", "source", "window_s", "attempts", "successes", "throttles", "ignored"),
        *(
            "failures",
            "latency",
            "first_chunk",
            "usage",
            "cost_usd",
            "unpriced_attempts",
            "segment",
            "metrics",
        ),
    ]
    assert [field.name for field in fields(LatencySummary)] == [
        *("count", "total_s", "p50_s", "p95_s", "p99_s", "sketch", "slowdown_total", "slowdown_count")
    ]


def test_bytes_of_another_format_are_refused() -> None:
    with pytest.raises(ValueError, match="a chunk of format 9"):
        Numbers(b"\x09\x00\x00", 0.0)


def sets_of_members() -> Iterator[st.SearchStrategy[Member]]:
    yield st.tuples(st.floats(0.0, 1e10), st.sampled_from(["a", "b~1"]))
    yield st.tuples(st.integers(0, 1500).map(lambda n: ORIGIN_AT + 60.0 * n), st.sampled_from(["a", "b"]))


@given(st.sets(st.one_of(*sets_of_members()), max_size=80))
def test_members_are_remembered_to_the_last_bit(members: set[Member]) -> None:
    assert read_members(write_members(members)) == members


def test_a_day_of_minutes_is_remembered_in_a_few_bytes() -> None:
    day = {(ORIGIN_AT + 60.0 * minute, "run-1772409600.123") for minute in range(1440)}
    assert len(write_members(day)) < 70
