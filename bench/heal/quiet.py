"""False ejections: nothing is wrong but the odd error that every provider has, and no channel ought to be left out."""

import tempfile
from pathlib import Path
from random import Random
from typing import Final

from bench.report import Row
from foreroute.chaos import acts, refusals
from foreroute.chaos.exchange import Exchange
from foreroute.chaos.fault import Course, Fault
from foreroute.chaos.house import open_house
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

_ERROR_RATIO: Final = 0.005
_HOURS: Final = 2.0
_HOURS_QUICK: Final = 0.25
_DAY_HOURS: Final = 24.0


def rows(*, quick: bool) -> list[Row]:
    hours = _HOURS_QUICK if quick else _HOURS
    with tempfile.TemporaryDirectory(prefix="bench-heal-") as folder:
        opened, requests = run_virtual(lambda loop: _quiet(loop, Path(folder), hours), alone=True)
    return [
        Row(
            id="heal.false_ejections_per_day",
            what=f"channels left out though nothing was wrong, with {_ERROR_RATIO:.1%} stray errors",
            value=opened * _DAY_HOURS / hours,
            unit="",
            how=f"{opened} in {hours:g} h of {requests} requests, three channels, virtual time",
        )
    ]


async def _quiet(loop: VirtualTimeLoop, folder: Path, hours: float) -> tuple[int, int]:
    fault = Fault(id="quiet", what="nothing", healthy=True, course=Course(channels=3, pace_s=1.0))
    rng = Random(7)

    async def mostly_sound(exchange: Exchange, request: acts.Request) -> None:
        act = refusals.broken if rng.random() < _ERROR_RATIO else acts.sound
        await act(exchange, request)

    async with open_house(loop, fault, folder) as house:
        for station in house.stations.values():
            station.act = mostly_sound
        await house.users(hours * 3600.0)
        standings = house.data.gateway.standings(house.now())
        return sum(one.breaker_opened_total for one in standings.values()), len(house.seen.asked)
