"""A simulation that runs by itself at a speed that people choose, on a thread of its own: what a page can drive.

`snapshot` is one immutable value, swapped after every stride; the other methods may be called from any thread. Where
the machine cannot keep up, virtual time lags and nothing else changes: the same orders at the same virtual instants give
the same run.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from foreroute.app.simulated import LiveSimulation
from foreroute.core.errors import ConfigError
from foreroute.simulate.scenario_schema import EventSpec, SurgeSpec
from foreroute.simulate.story import befallen

_STRIDE_S: Final = 0.1
"""Real seconds between two looks at what was ordered."""
_VIRTUAL_MAX_S: Final = 60.0
"""No stride is longer than a tick, so that an order takes effect soon, whatever the speed."""
_RECENT_S: Final = 300.0
_SPEED_MAX: Final = 100_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run as it stands. `at` and everything else is of the same instant."""

    at: float
    start_at: float
    end_at: float
    speed: float
    paused: bool
    over: bool
    ready: bool
    """False while the calm hours before the story are played."""
    error: str = ""
    """What ended it, if it was not asked to end."""
    users: Mapping[str, Any] = field(default_factory=dict)
    """Of the whole story, as in a result."""
    recent: Mapping[str, Any] = field(default_factory=dict)
    """Of the last five minutes."""
    channels: tuple[Mapping[str, Any], ...] = ()
    events: tuple[Mapping[str, Any], ...] = ()


class Player:
    """`start` it once; `stop` ends the thread. `speed`: virtual seconds for each real one."""

    def __init__(self, simulation: LiveSimulation, *, speed: float = 60.0) -> None:
        self._simulation = simulation
        self._speed = _checked(speed)
        self._paused = False
        self._stopped = False
        self._orders: deque[Callable[[], None]] = deque()
        self._shown = self._look(ready=False)
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="foreroute-simulation", daemon=True)

    @property
    def snapshot(self) -> Snapshot:
        return self._shown

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        self._stopped = True
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def set_speed(self, speed: float) -> None:
        """Raises ConfigError for what is no speed."""
        self._speed = _checked(speed)

    def inject(self, event: Mapping[str, Any]) -> None:
        """An event of a timeline, `at` counted from now. Raises ConfigError that says what would be right."""
        spec = read_event(event)
        if not isinstance(spec, SurgeSpec):
            befallen(spec, self._simulation.channels)
        self._orders.append(lambda: self._simulation.inject(spec))

    def wait(self, until: Callable[[Snapshot], bool], timeout_s: float) -> bool:
        """Whether a snapshot has come in time of which something is true."""
        with self._changed:
            return self._changed.wait_for(lambda: until(self._shown), timeout_s)

    # On the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._play())
        except Exception as error:  # noqa: BLE001 - the thread boundary: told in the snapshot
            self._show(self._look(ready=True, error=f"{type(error).__name__}: {error}"))

    async def _play(self) -> None:
        await self._simulation.start()
        self._show(self._look(ready=True))
        loop = asyncio.get_running_loop()
        while not self._stopped and not self._simulation.is_over:
            began = loop.time()
            await self.stride(_STRIDE_S)
            await asyncio.sleep(max(0.0, _STRIDE_S - (loop.time() - began)))

    async def stride(self, real_s: float) -> None:
        """What was ordered, then as much virtual time as the speed makes of so much real time."""
        while self._orders:
            self._orders.popleft()()
        left_s = 0.0 if self._paused else real_s * self._speed
        while left_s > 0.0 and not (self._paused or self._stopped or self._orders):
            step_s = min(left_s, _VIRTUAL_MAX_S)
            await self._simulation.advance(self._simulation.at + step_s)
            left_s = 0.0 if self._simulation.is_over else left_s - step_s
            self._show(self._look(ready=True))
        self._show(self._look(ready=True))

    def _show(self, snapshot: Snapshot) -> None:
        with self._changed:
            self._shown = snapshot
            self._changed.notify_all()

    def _look(self, *, ready: bool, error: str = "") -> Snapshot:
        simulation = self._simulation
        scenario, at = simulation.scenario, simulation.at
        common: dict[str, Any] = {
            "at": at,
            "start_at": scenario.story_at,
            "end_at": scenario.end_at,
            "speed": self._speed,
            "paused": self._paused,
            "over": simulation.is_over,
            "ready": ready,
            "error": error,
            "events": simulation.events,
        }
        if not ready:
            return Snapshot(**common)
        outcomes = simulation.outcomes
        return Snapshot(
            **common,
            users=outcomes.summary(since_at=scenario.story_at).as_dict(),
            recent=outcomes.summary(since_at=max(scenario.story_at, at - _RECENT_S)).as_dict(),
            channels=tuple(simulation.channel_rows()),
        )


def read_event(event: Mapping[str, Any]) -> EventSpec:
    """One event of a timeline from plain data. Raises ConfigError."""
    adapter: TypeAdapter[EventSpec] = TypeAdapter(EventSpec)
    try:
        return adapter.validate_python({"at": "0s", **event})
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"][1:])
        raise ConfigError(
            first["msg"].removeprefix("Value error, "),
            where=f"event{'.' if path else ''}{path}",
            hint="for example: {fault: stop, channel: openai-us-east, for: 10m}",
        ) from None


def _checked(speed: float) -> float:
    if not 0.0 < speed <= _SPEED_MAX:
        raise ConfigError(
            f"{speed} is no speed", where="speed", hint="virtual seconds for each real one, such as 60"
        )
    return speed
