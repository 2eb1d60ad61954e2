"""What goes wrong in the house itself, and what has to hold all the same."""

import asyncio
import resource
import sqlite3
from typing import Final

from foreroute.chaos.fault import Fault, Play
from foreroute.chaos.house import House, standing_still
from foreroute.chaos.seen import Seen

_WARM_S: Final = 130.0
_TROUBLE_S: Final = 180.0
_AFTER_S: Final = 150.0
_PLAN_OVER_S: Final = 700.0
_FILE_BYTES_MAX: Final = 4096
_TICKS_LATE_MAX_S: Final = 130.0


async def control_dies(house: House, _fault: Fault) -> None:
    """For longer than its last plan is valid."""
    await house.users(_WARM_S)
    assert house.control is not None  # noqa: S101 - the course has one
    await house.control.end()
    house.seen.began_at = house.now()
    await house.users(_PLAN_OVER_S)
    house.seen.ended_at = house.now()


async def store_locked(house: House, _fault: Fault) -> None:
    await house.users(_WARM_S)
    house.seen.began_at = house.now()
    lock = await asyncio.to_thread(sqlite3.connect, house.settings.store.path, check_same_thread=False)
    await standing_still(house.loop, lock.execute, "BEGIN EXCLUSIVE")
    try:
        await house.users(_TROUBLE_S)
    finally:
        await standing_still(house.loop, lock.rollback)
        await standing_still(house.loop, lock.close)
    await _recovered(house)


async def disk_fills_up(house: House, _fault: Fault) -> None:
    """No file of this process may grow any more."""
    await house.users(_WARM_S)
    house.seen.began_at = house.now()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES_MAX, usual[1]))
    try:
        await house.users(_TROUBLE_S)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    await _recovered(house)


def clock_set(by_s: float) -> Play:
    async def play(house: House, _fault: Fault) -> None:
        await house.users(_WARM_S)
        house.seen.began_at = house.now()
        house.clock.set_by_s = by_s
        await house.users(_TROUBLE_S)
        await _recovered(house)

    return play


async def _recovered(house: House) -> None:
    house.seen.ended_at = house.now()
    await house.users(_AFTER_S)
    control = house.control
    assert control is not None  # noqa: S101 - the course has one
    tick_at = control.plane.last_tick_at()
    house.seen.notes["last_tick_ago_s"] = -1.0 if tick_at is None else house.clock.now() - tick_at
    house.seen.notes["control_alive"] = float(control.thread.alive)


def all_stored(seen: Seen) -> list[str]:
    return [] if seen.attempts else ["the ledger is empty"]


def loop_lives(seen: Seen) -> list[str]:
    if not seen.notes["control_alive"]:
        return ["the control loop has ended"]
    ago_s = seen.notes["last_tick_ago_s"]
    return [] if 0.0 <= ago_s <= _TICKS_LATE_MAX_S else [f"the last tick was {ago_s:.0f} s ago"]
