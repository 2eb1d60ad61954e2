"""Plays one fault from beginning to end."""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from foreroute.chaos.certificates import can_make
from foreroute.chaos.fault import Course, Fault
from foreroute.chaos.house import House, open_house
from foreroute.chaos.judge import Finding, judge
from foreroute.chaos.seen import Seen
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

_QUICK_FAULT_S: Final = 45.0

_BESIDE_PROCESSES: Final = 20.0
"""Virtual seconds in a real one, where a channel is a process of its own."""


def play(fault: Fault, *, quick: bool = False) -> Finding:
    """`quick`: the fault is over sooner, where it only comes and goes."""
    if fault.course.secure and not can_make():
        return _untested(fault, "needs `openssl`, to make certificates")
    if quick and fault.play is None and fault.course.fault_s <= Course().fault_s:
        length_s = min(fault.course.fault_s, _QUICK_FAULT_S)
        fault = replace(fault, course=replace(fault.course, fault_s=length_s))
    with _quiet(), tempfile.TemporaryDirectory(prefix="foreroute-chaos-") as folder:
        # Threads and processes of others need their turn; channels on the same loop do not.
        alone = not (fault.course.control or fault.course.processes)
        # A process of its own answers in real time: so that a busy machine does not look like a slow channel, virtual time
        # does not run far ahead of it.
        speed = _BESIDE_PROCESSES if fault.course.processes else None
        return judge(run_virtual(lambda loop: _played(loop, fault, Path(folder)), speed=speed, alone=alone))


def play_all(faults: Iterable[Fault], *, quick: bool = False) -> list[Finding]:
    return [play(fault, quick=quick) for fault in faults]


@contextmanager
def _quiet() -> Iterator[None]:
    """What the house logs about its troubles is what they are made for."""
    log = logging.getLogger("foreroute")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


async def _played(loop: VirtualTimeLoop, fault: Fault, folder: Path) -> Seen:
    sections = None if fault.configured is None else fault.configured(folder)
    async with open_house(loop, fault, folder, sections) as house:
        await (fault.play or come_and_go)(house, fault)
        await house.answered()
        await house.close_books()
        return house.seen


async def come_and_go(house: House, fault: Fault) -> None:
    """Sound traffic, the fault, sound traffic again."""
    course = fault.course
    if course.warm_s:
        await house.users(course.warm_s)
    await house.begin()
    await house.users(course.fault_s)
    await house.end()
    await house.users_until_back(course.after_s)


def _untested(fault: Fault, why: str) -> Finding:
    return Finding(
        fault=fault.id,
        what=fault.what,
        group=fault.group,
        problems=(),
        requests=0,
        bad=0,
        reached=0,
        probes=0,
        classes=(),
        user_s=None,
        channel_s=None,
        back_s=None,
        max_s=0.0,
        p95_s=0.0,
        notes={},
        untested=why,
    )
