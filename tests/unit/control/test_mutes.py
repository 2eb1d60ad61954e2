"""Mutes: what holds when, what outlives a restart, and what the detectors are told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.control.mutes import MutedDetection, Mutes
from foreroute.core.fields import BadField
from foreroute.core.findings import Anomaly
from foreroute.core.ids import ChannelId
from foreroute.core.mute import MaintenanceWindow, Mute, mutes_at
from foreroute.core.series import Metric, Series
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore

AT = 1_772_442_000.0
MONDAY = 1_772_409_600.0
"""2 March 2026, midnight."""
DAY_S = 86_400.0


def a_mute(channel: str = "a", *, start_at: float = AT, lasts_s: float = 600.0) -> Mute:
    return Mute(channel=channel, start_at=start_at, end_at=start_at + lasts_s)


def the_mutes(store: MemoryStore, windows: Sequence[MaintenanceWindow] = ()) -> Mutes:
    return Mutes(store.records, channels=[ChannelId("a"), ChannelId("b")], windows=windows)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(merge_rollups)


async def test_a_mute_outlives_a_restart_until_it_has_expired(store: MemoryStore) -> None:
    made = await the_mutes(store).add(a_mute(), AT)
    again = the_mutes(store)
    await again.start(AT + 300.0)
    assert again.holding(AT + 300.0) == (made,)
    later = the_mutes(store)
    await later.start(AT + 600.0)
    assert later.known(AT + 600.0) == ()


async def test_what_was_ended_stays_ended_after_a_restart(store: MemoryStore) -> None:
    mutes = the_mutes(store)
    made = await mutes.add(a_mute(lasts_s=3600.0), AT)
    await mutes.end(made.id, AT + 60.0)
    again = the_mutes(store)
    await again.start(AT + 120.0)
    assert mutes.holding(AT + 60.0) == again.holding(AT + 120.0) == ()
    with pytest.raises(KeyError):
        await mutes.end(made.id, AT + 120.0)


async def test_one_that_is_to_come_is_known_and_does_not_hold(store: MemoryStore) -> None:
    mutes = the_mutes(store)
    made = await mutes.add(a_mute(start_at=AT + 600.0), AT)
    assert mutes.holding(AT) == ()
    assert mutes.known(AT) == (made,)
    assert mutes.holding(AT + 600.0) == (made,)


@pytest.mark.parametrize(
    "wrong", [a_mute("c"), a_mute(lasts_s=-1.0), a_mute(start_at=AT - 900.0), a_mute(lasts_s=8 * DAY_S)]
)
async def test_what_makes_no_sense_is_refused(store: MemoryStore, wrong: Mute) -> None:
    with pytest.raises(BadField):
        await the_mutes(store).add(wrong, AT)


def test_only_the_star_is_special() -> None:
    assert a_mute("eu-*").covers("eu-1", AT)
    assert not a_mute("eu-[12]").covers("eu-1", AT)
    assert not a_mute("eu-?").covers("eu-1", AT)


def test_a_window_over_midnight_holds_on_the_next_morning() -> None:
    window = MaintenanceWindow(channel="*", begins_s=23 * 3600.0, lasts_s=7200.0, weekdays=frozenset({0}))
    held = [hour for hour in range(7 * 24) if mutes_at(MONDAY + 3600.0 * hour + 1800.0, (), (window,))]
    assert held == [23, 24]


@given(st.floats(0.0, 4e9), st.integers(0, 1439), st.integers(1, 1440))
def test_the_window_that_is_found_holds_the_instant(at: float, begins: int, lasts: int) -> None:
    window = MaintenanceWindow(channel="*", begins_s=60.0 * begins, lasts_s=60.0 * lasts)
    found = window.around(at)
    place = (at - 60.0 * begins) % DAY_S
    if found is None:
        assert place >= 60.0 * lasts - 1e-3
    else:
        assert found.start_at <= at < found.end_at


@dataclass
class Ear:
    heard: list[tuple[Mute, ...]] = field(default_factory=list)

    def warm(self, series: Sequence[Series]) -> None: ...

    def mute(self, mutes: Sequence[Mute]) -> None:
        self.heard.append(tuple(mutes))

    def update(self, series: Sequence[Series]) -> tuple[Anomaly, ...]:
        return ()


async def test_the_detectors_are_told_what_holds_for_the_newest_window(store: MemoryStore) -> None:
    mutes, ear = the_mutes(store), Ear()
    made = await mutes.add(a_mute(), AT)
    series = Series(
        channel=ChannelId("a"), metric=Metric.LATENCY_P95, start_at=AT, step_s=60.0, values=(1.0,) * 20
    )
    for length in (10, 11):
        cut = Series(
            channel=series.channel, metric=series.metric, start_at=AT, step_s=60.0, values=(1.0,) * length
        )
        MutedDetection(ear, mutes).update([cut])
    assert ear.heard == [(made,), ()]
