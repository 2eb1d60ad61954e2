"""What learning prevents: the same schedule of recurring trouble with what was learnt acting, and only shown.

Four kinds of trouble of one channel of two, stated beforehand: prompts that are too long for it, a parameter and tools that
it refuses, each asked for every 20 s, and a burst of 503 every five minutes, which nothing that is learnt can prevent. With
`autopilot: act` what was learnt steers; with `observe` it is only shown. A recurrence is a failed attempt whose channel and
class had failed before.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from bench.report import Row
from foreroute.chaos import acts, refusals
from foreroute.chaos.fault import Course, Fault
from foreroute.chaos.house import House, open_house
from foreroute.core.attempt import PickReason
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

_LENGTH_S: Final = 900.0
_EVERY_S: Final = 20.0
_BURST_EVERY_S: Final = 300.0
_BURST_S: Final = 20.0
_TOOL: Final = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
_ASKED: Final[Mapping[str, tuple[acts.Act, str, Mapping[str, Any]]]] = {
    "context_too_long": (refusals.too_long(20_000), "word " * 8000, {}),
    "unsupported_parameter": (refusals.without("logit_bias"), "hello", {"logit_bias": {"1": 1}}),
    "tools": (refusals.without("tools"), "hello", {"tools": [_TOOL]}),
    "bursts_of_503": (acts.sound, "hello", {}),
}


def rows() -> list[Row]:
    counts = {
        kind: {mode: _recurrences(kind, mode, seed) for mode in ("act", "observe")}
        for seed, kind in enumerate(_ASKED, start=1)
    }
    on, off = (sum(one[mode] for one in counts.values()) for mode in ("act", "observe"))
    prevented = 1.0 - on / off if off else 0.0
    return [
        Row(
            id="heal.recurrence_prevented_ratio",
            what="recurring failures prevented by what was learnt",
            value=prevented,
            unit="",
            target="≥ 0.80",
            holds=prevented >= 0.8,
            baseline=f"{off} recurrences without learning, {on} with it",
            how=f"{_LENGTH_S / 60:.0f} minutes of each of {', '.join(_ASKED)}, equal schedules, on virtual time",
            cells=counts,
        )
    ]


def _recurrences(kind: str, autopilot: str, seed: int) -> int:
    fault = Fault(id=kind, what=kind, course=Course(control=True, pace_s=2.0))
    with tempfile.TemporaryDirectory(prefix="bench-heal-") as folder:
        return run_virtual(lambda loop: _counted(loop, fault, Path(folder), autopilot, seed))


async def _counted(loop: VirtualTimeLoop, fault: Fault, folder: Path, autopilot: str, seed: int) -> int:
    async with open_house(loop, fault, folder, {"autopilot": autopilot}, seed=seed) as house:
        act, text, more = _ASKED[fault.id]
        for station in house.faulty:
            station.act = act
        trouble = asyncio.ensure_future(_trouble(house, text, more, Random(seed)))
        await house.users(_LENGTH_S)
        trouble.cancel()
        await house.answered()
        await house.close_books()
        seen: set[tuple[str, str]] = set()
        again = 0
        for attempt in house.seen.attempts:
            if attempt.failure_class is None or attempt.reason is PickReason.PROBE:
                continue
            key = attempt.channel, attempt.failure_class
            again += key in seen
            seen.add(key)
        return again


async def _trouble(house: House, text: str, more: Mapping[str, Any], rng: Random) -> None:
    if more or len(text) > 100:
        while True:
            await asyncio.sleep(_EVERY_S * rng.uniform(0.8, 1.2))
            house.track(asyncio.ensure_future(house.ask(text, more=more)))
    while True:
        await asyncio.sleep(_BURST_EVERY_S - _BURST_S)
        for station in house.faulty:
            station.act = refusals.overloaded
        await asyncio.sleep(_BURST_S)
        for station in house.faulty:
            station.act = acts.sound
