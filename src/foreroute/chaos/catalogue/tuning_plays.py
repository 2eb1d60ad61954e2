"""A tuner that wants what would harm everybody, and what becomes of it."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from foreroute.chaos import acts
from foreroute.chaos.exchange import Exchange
from foreroute.chaos.fault import Fault
from foreroute.chaos.house import House
from foreroute.chaos.seen import Seen
from foreroute.control.tuning import TUNING
from foreroute.control.tuning_records import read_change
from foreroute.core.attempt import Outcome
from foreroute.core.limits import TIMED, Parameter, Setting
from foreroute.heal.tuning import wants
from foreroute.heal.tuning.rails import BOUNDS, Rails
from foreroute.heal.tuning.tuner import Tuner
from foreroute.heal.tuning.values import Change, Event, Wanted

_WANTED_S: Final = 0.05
_SLOW_S: Final = 4.0
"""Under the configured 5 s, and over the first step down, 3.75 s."""
_EVERY: Final = 25
_CUT_MAX: Final = 0.01


def one_parameter(_folder: Path) -> Mapping[str, Any]:
    """So that nothing else is tried before it."""
    return {"tuning": {"parameters": [Parameter.FIRST_CHUNK.value]}}


async def hasty(house: House, fault: Fault) -> None:
    """Channels as they are on any day: one answer in twenty-five thinks for four seconds. The tuner has gone mad."""
    control = house.control
    assert control is not None  # noqa: S101 - the course has one
    assert control.plane.stages is not None  # noqa: S101 - it has started
    desk = control.plane.stages.tuning
    assert desk is not None  # noqa: S101 - limits are tuned by default
    for station in house.stations.values():
        station.act = _now_and_then_slow()
    desk.tuner = Tuner(desk.tuner.rails, _mad)
    house.seen.began_at = house.now()
    await house.users(fault.course.fault_s)
    house.seen.ended_at = house.now()


def _mad(
    channel: Any, parameter: Parameter, current: Setting, states: Any, look: Any, rails: Rails
) -> Wanted:
    """As it should be, but for one timeout, which is wanted far under its bounds and without delay."""
    if parameter is not Parameter.FIRST_CHUNK:
        return wants.wanted(channel, parameter, current, states, look, rails)
    return Wanted(setting=Setting(_WANTED_S), reason="it has gone mad", urgent=True)


def _now_and_then_slow() -> acts.Act:
    count = 0

    async def act(exchange: Exchange, request: acts.Request) -> None:
        nonlocal count
        count += 1
        if count % _EVERY == 0:
            await asyncio.sleep(_SLOW_S)
        await acts.sound(exchange, request)

    return act


def trial_stopped(seen: Seen) -> list[str]:
    """It came as far as a canary of one bounded step, was taken back for its harm, and all of it is on record."""
    changes = [change for one in seen.acts if one.kind == TUNING and (change := read_change(one)) is not None]
    mine = [one for one in changes if one.parameter is Parameter.FIRST_CHUNK]
    events = Counter(one.event for one in mine)
    attempts = [one for one in seen.attempts if one.started_at >= seen.began_at]
    cut = sum(one.outcome is Outcome.TIMEOUT for one in attempts) / max(1, len(attempts))
    seen.notes |= {
        "canaries": float(events[Event.CANARY]),
        "rolled_back": float(events[Event.ROLLED_BACK]),
        "cut_ratio": cut,
    }
    found = [problem for one in mine for problem in _beyond_rails(one)]
    if in_force := events[Event.PROMOTED] + events[Event.APPLIED]:
        found.append(f"a harmful timeout came into force for everybody {in_force} times")
    if not events[Event.CANARY] or events[Event.ROLLED_BACK] < events[Event.CANARY]:
        found.append(f"{events[Event.CANARY]} canaries began, {events[Event.ROLLED_BACK]} were rolled back")
    if unsaid := [one for one in mine if not (one.reason and one.actor)]:
        found.append(f"{len(unsaid)} changes are on record without a reason or an actor")
    if cut > _CUT_MAX:
        found.append(f"{cut:.1%} of the attempts were cut off by it (allowed {_CUT_MAX:.0%})")
    return found


def _beyond_rails(change: Change) -> list[str]:
    """Each step on its own: within the hard bounds, and at most a quarter from where it was."""
    assert change.parameter in TIMED  # noqa: S101 - the callers' choice
    bounds, step_max = BOUNDS[change.parameter], Rails().step_max
    old, new = change.old.at(), change.new.at()
    found = []
    if not bounds.least <= new <= bounds.most:
        found.append(f"{new:g} s is outside {bounds.least:g} to {bounds.most:g} s")
    if change.event is Event.CANARY and new < old * (1.0 - step_max) - 1e-6:
        found.append(f"one step went from {old:g} to {new:g} s (allowed {step_max:.0%})")
    return found
