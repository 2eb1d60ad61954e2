"""The seeded injections: which faults, how often, and how each is played, stated before anything is measured.

Twenty-four kinds in equal parts, taken from the one catalogue of faults (`foreroute.chaos.catalogue`): what clears up by
itself, what stays until somebody acts, what breaks answers that have begun, slowness, and the loss of a region. Equal
parts, because nobody knows the true mix: a figure per kind is beside every total. Faults of certificates and names are left
to the chaos suite, where the reactive baseline has no part.
"""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from foreroute.chaos import acts
from foreroute.chaos.catalogue import FAULTS
from foreroute.chaos.fault import Course, Expected, Fault
from foreroute.chaos.house import House, open_house
from foreroute.chaos.seen import Seen
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

KINDS: Final = (
    "port_closed", "syn_black_hole", "never_answers", "connection_reset", "close_before_headers",
    "body_cut_short", "hollow_200", "empty_choices_200", "bad_gzip",
    "permanent_503", "500_one_of_four", "nginx_502", "cold_start",
    "401_one_key", "402_quota", "400_spend_limit", "403_region", "404_model",
    "429_retry_after", "slow",
    "stall_12s", "stream_cut_midway", "error_event_in_stream", "region_black_holed",
)  # fmt: skip
SLOW: Final = Fault(
    id="slow",
    what="one channel takes 3 s in place of 0.2 s",
    act=acts.slow(3.0),
    expected=Expected(),
)
_USUAL: Final = acts.slow(0.2)
_CHANNELS: Final = 4
_REGION: Final = 2
_AFTER_S: Final = 65.0
"""At most: it ends when every faulty channel has served users again."""
_STEP_S: Final = 2.5


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault at one time on one of four equal channels, or on two for a region. `seed` is everybody's chance."""

    kind: str
    seed: int
    fault: Fault


def schedule(each: int, seed: int = 20261130) -> list[Injection]:
    """`each` injections of every kind: different lengths, paces and onsets."""
    rng = Random(seed)
    known = {fault.id: fault for fault in (*FAULTS, SLOW)}
    return [_drawn(known[kind], rng) for _ in range(each) for kind in KINDS]


def _drawn(fault: Fault, rng: Random) -> Injection:
    course = Course(
        channels=_CHANNELS,
        faulty=_REGION if fault.id == "region_black_holed" else 1,
        pace_s=rng.uniform(0.4, 0.6),
        warm_s=rng.uniform(8.0, 12.0),
        fault_s=rng.uniform(40.0, 60.0),
        after_s=_AFTER_S,
        connect_s=3.0,
    )
    fresh = replace(fault, course=course, everywhere=False, play=None)
    return Injection(fault.id, rng.randrange(1 << 30), fresh)


Ask = Callable[[str], Coroutine[Any, Any, object]]
Gateway = Callable[[House, int], Ask]
"""Who serves the users of a house: made with a seed."""


def played(injection: Injection, gateway: Gateway | None = None) -> Seen:
    """What came of it. None: the house's own gateway; else whoever is named, in front of the same channels."""
    with tempfile.TemporaryDirectory(prefix="bench-heal-") as folder:
        return run_virtual(lambda loop: _played(loop, injection, Path(folder), gateway), alone=True)


async def _played(loop: VirtualTimeLoop, injection: Injection, folder: Path, gateway: Gateway | None) -> Seen:
    fault, course = injection.fault, injection.fault.course
    async with open_house(loop, fault, folder, seed=injection.seed) as house:
        ask = house.ask if gateway is None else gateway(house, injection.seed)
        _as_usual(house)
        await _users(house, ask, course.warm_s)
        await house.begin()
        await _users(house, ask, course.fault_s)
        await house.end()
        _as_usual(house)
        until = house.now() + course.after_s
        while house.now() < until and not _are_back(house):
            await _users(house, ask, _STEP_S)
        await house.answered()
        if gateway is None:
            await house.close_books()
        return house.seen


def _are_back(house: House) -> bool:
    return all(one.has_served_since(house.seen.ended_at) for one in house.faulty)


def _as_usual(house: House) -> None:
    if house.fault.id == SLOW.id:
        for station in house.stations.values():
            station.act = _USUAL


async def _users(house: House, ask: Ask, for_s: float) -> None:
    """Requests at the course's pace; the sound ones of before the fault are under way when it begins."""
    until, pace_s = house.now() + for_s, house.fault.course.pace_s
    number = 0
    while house.now() < until - 1e-9:
        number += 1
        house.track(asyncio.ensure_future(ask(f"{house.fault.id}: {house.now():.2f}, {number}")))
        await asyncio.sleep(min(pace_s, max(1e-6, until - house.now())))
