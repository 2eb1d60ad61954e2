"""The loop with its alerts around it: last words when it dies, and a look from outside while it hangs."""

import asyncio
from random import Random

import pytest
from tests.unit.alerts.conftest import AT, House, channel

from foreroute.alerts.desk import AlertDesk
from foreroute.alerts.journal import restored
from foreroute.alerts.outbox import Outbox
from foreroute.alerts.settings import AlertRoute, AlertSettings
from foreroute.alerts.values import Notice, Source
from foreroute.app.alerts import with_alerts
from foreroute.monitor.fold import merge_rollups
from foreroute.store.memory import MemoryStore

TICK = 0.02
"""Seconds of the machine's own time: the look from outside goes by that."""


class Ear:
    kind = "test"

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.heard = asyncio.Event()

    async def send(self, notice: Notice) -> None:
        self.told.append(notice)
        self.heard.set()

    async def aclose(self) -> None:
        pass


class Clock:
    def __init__(self) -> None:
        self.at = AT

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        self.at = at


def a_desk(ear: Ear, clock: Clock, store: MemoryStore, *routes: AlertRoute) -> AlertDesk:
    settings = AlertSettings(receivers=("me",), routes=routes)
    return AlertDesk(settings, store.records, Outbox({"me": ear}, store.records, clock, Random(1)), clock)


async def ticked(desk: AlertDesk, clock: Clock) -> None:
    house = House(channels=[channel("a")], settings=desk.settings)
    house.minute = 1
    clock.at = house.at
    await desk.update(house.evidence())


async def test_a_loop_that_dies_says_so_before_the_process_ends() -> None:
    ear, clock, store = Ear(), Clock(), MemoryStore(merge_rollups)
    desk = a_desk(ear, clock, store)

    async def run() -> None:
        await ticked(desk, clock)
        clock.at += 5.0
        raise ValueError("out of order")

    with pytest.raises(ValueError, match="out of order"):
        await with_alerts(desk, run, last_tick_at=lambda: AT, clock=clock, tick_s=60.0, is_watched=False)
    assert [alert.source for notice in ear.told for alert in notice.alerts] == [Source.LOOP]


async def test_a_loop_that_hangs_is_seen_from_outside() -> None:
    ear, clock, store = Ear(), Clock(), MemoryStore(merge_rollups)
    desk = a_desk(ear, clock, store, AlertRoute(receivers=("me",), group_wait_s=0.0))

    async def run() -> None:
        await ticked(desk, clock)
        clock.at += 10 * TICK
        await ear.heard.wait()

    await with_alerts(desk, run, last_tick_at=lambda: AT, clock=clock, tick_s=TICK, is_watched=True)
    assert [alert.source for notice in ear.told for alert in notice.alerts] == [Source.LOOP]
    assert ear.told[0].alerts[0].since_at == AT + 60.0


async def test_a_loop_that_is_stopped_leaves_a_farewell() -> None:
    ear, clock, store = Ear(), Clock(), MemoryStore(merge_rollups)
    desk = a_desk(ear, clock, store)

    async def run() -> None:
        await ticked(desk, clock)

    await with_alerts(desk, run, last_tick_at=lambda: AT, clock=clock, tick_s=60.0, is_watched=False)
    assert ear.told == []
    assert (await restored(store.records)).stopped


async def test_without_alerts_the_loop_just_runs() -> None:
    ran: list[bool] = []

    async def run() -> None:
        ran.append(True)

    await with_alerts(None, run, last_tick_at=lambda: None, clock=Clock(), tick_s=60.0, is_watched=True)
    assert ran == [True]
