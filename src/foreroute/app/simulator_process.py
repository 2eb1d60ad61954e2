"""A simulation that somebody watches: in a process of its own, so that no user of the gateway waits for it."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

import orjson

from foreroute.app.simulated import LiveSimulation, SimulationOptions
from foreroute.clock import SystemClock
from foreroute.core.decision import Autopilot
from foreroute.core.errors import ForerouteError
from foreroute.simulate.scenario import load_scenario
from foreroute.simulate.scenario_schema import EventSpec

SPEEDS: Final = (30.0, 120.0, 600.0, 0.0)
"""Simulated seconds for one of ours; 0 is as fast as it goes."""
_SHOWN_EVERY_S: Final = 0.5
_STRIDE_S: Final = 0.2
"""Of ours: so long it is deaf to what is asked of it at most, if the machine keeps up."""
_IDLE_S: Final = 0.5
_LOWER_PRIORITY: Final = 10
_DECISIONS: Final = 30


@dataclass(frozen=True, slots=True)
class Begin:
    scenario: str
    seed: int
    autopilot: Autopilot
    forecasts: bool
    speed: float


@dataclass(frozen=True, slots=True)
class Pace:
    """What is None stays as it is."""

    speed: float | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class Inject:
    event: EventSpec


@dataclass(frozen=True, slots=True)
class Shown:
    """The newest state of the run, as JSON."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """What was asked for cannot be, and why."""

    message: str


def simulate(connection: Connection, begin: Begin) -> None:
    """The process's whole life: until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_LOWER_PRIORITY)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # nobody watches any more
        asyncio.run(_simulate(connection, begin))


async def _simulate(connection: Connection, begin: Begin) -> None:
    options = SimulationOptions(seed=begin.seed, autopilot=begin.autopilot, forecasts=begin.forecasts)
    try:
        live = LiveSimulation(load_scenario(begin.scenario), options)
        await live.start()
    except ForerouteError as error:
        connection.send(Refused(str(error)))
        return
    run = _Run(live, begin)
    while True:
        await run.show(connection)
        await run.step(connection)


class _Run:
    def __init__(self, live: LiveSimulation, begin: Begin) -> None:
        self._live, self._begin = live, begin
        self._clock = SystemClock()
        self._speed, self._paused = begin.speed, False
        self._moved_at = self._shown_at = self._showing_s = 0.0
        self._changed = True

    async def step(self, connection: Connection) -> None:
        """Hears what is asked, then goes on by as much as has passed."""
        idle = self._paused or self._live.is_over
        while connection.poll(_IDLE_S if idle else 0.0):
            self._hear(connection, connection.recv())
            idle = False
        now = self._clock.now()
        passed_s = min(max(0.0, now - self._moved_at), _STRIDE_S)
        self._moved_at = now
        if self._paused or self._live.is_over:
            return
        ahead_s = passed_s * self._speed if self._speed else self._live.settings.loop.tick
        await self._live.advance(self._live.at + ahead_s)
        self._changed = True
        spare_s = _STRIDE_S / 4 - (self._clock.now() - now)
        if self._speed and spare_s > 0:
            await asyncio.sleep(spare_s)

    def _hear(self, connection: Connection, message: object) -> None:
        self._changed = True
        match message:
            case Pace(speed, paused):
                self._speed = self._speed if speed is None else speed
                self._paused = self._paused if paused is None else paused
            case Inject(event):
                try:
                    self._live.inject(event)
                except ForerouteError as error:
                    connection.send(Refused(str(error)))

    async def show(self, connection: Connection) -> None:
        """At most twice a second, and for at most a fifth of the time: a long story takes longer to sum up."""
        now = self._clock.now()
        if not self._changed or 0 <= now - self._shown_at < max(_SHOWN_EVERY_S, 5.0 * self._showing_s):
            return
        self._changed = False
        connection.send(Shown(orjson.dumps(await self._state())))
        self._shown_at = self._clock.now()
        self._showing_s = max(0.0, self._shown_at - now)

    async def _state(self) -> dict[str, Any]:
        """What a page needs, and no more: the course in five-minute steps."""
        live = self._live
        found = await live.result()
        # What takes over from a channel moves with it: the move is told once, of the channel that it is about.
        moves = [
            one for one in found["decisions"] if one["applied"] and one["channel"] == one["cause_channel"]
        ]
        seen = live.seen()
        return {
            **{
                name: found[name]
                for name in ("scenario", "seed", "start_at", "end_at", "objective_s", "users")
            },
            **{name: found[name] for name in ("course", "incidents", "stage_errors")},
            "timeline": live.events,
            "decisions": moves[-_DECISIONS:],
            "decided": len(moves),
            "ends_at": live.scenario.end_at,
            "description": live.scenario.spec.description,
            "autopilot": self._begin.autopilot.value,
            "forecasts": self._begin.forecasts,
            "speed": self._speed,
            "paused": self._paused,
            "over": live.is_over,
            "waiting": seen.waiting,
            "channels": live.channel_rows(),
        }
