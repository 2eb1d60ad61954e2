"""The simulator behind the dashboard: one run at a time, in a process of its own, watched from the control thread."""

import multiprocessing
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

from pydantic import TypeAdapter, ValidationError

from foreroute.app.simulator_process import SPEEDS, Begin, Inject, Pace, Refused, Shown, simulate
from foreroute.core.decision import Autopilot
from foreroute.core.errors import ForerouteError
from foreroute.core.fields import BadField, Fields, flag, one_of, text, whole
from foreroute.simulate.scenario import load_scenario, scenario_names
from foreroute.simulate.scenario_schema import EventSpec

_END_S: Final = 2.0
_EVENTS: Final[TypeAdapter[EventSpec]] = TypeAdapter(EventSpec)
_SCENARIO: Final = text(longest=80)
_SEED: Final = whole(least=0, most=1_000_000)
_SPEED: Final = whole(least=0, most=86_400)


class Simulator:
    """Methods may be called from any thread. `start`, `stop` and the first `catalog` take their time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._one_at_a_time = threading.RLock()
        """Two who start at once get one run, the later one's."""
        self._process: BaseProcess | None = None
        self._line: Connection | None = None
        self._newest: bytes | None = None
        self._problem = ""
        self._catalog: Sequence[dict[str, object]] = ()

    def catalog(self) -> Sequence[dict[str, object]]:
        """The built-in scenarios, by name: what a person chooses from. Read once: that takes a quarter of a second."""
        if not self._catalog:
            specs = [load_scenario(name).spec for name in scenario_names()]
            self._catalog = [
                {"name": one.scenario, "description": one.description, "length_s": one.length}
                for one in specs
            ]
        return self._catalog

    def speeds(self) -> Sequence[float]:
        """What a person chooses from: simulated seconds for one of ours; 0 is as fast as it goes."""
        return SPEEDS

    def start(self, wanted: Mapping[str, object]) -> None:
        """`scenario`, and if wished `seed`, `autopilot`, `forecasts` and `speed`. Ends the run there is.

        Raises ConfigError for a scenario that is not built in: files are for the command line. Raises BadField.
        """
        fields = Fields(dict(wanted))
        begin = Begin(
            scenario=fields.take("scenario", _SCENARIO),
            seed=fields.take("seed", _SEED, 1),
            autopilot=fields.take("autopilot", one_of(Autopilot), Autopilot.ACT),
            forecasts=fields.take("forecasts", flag, True),
            speed=float(fields.take("speed", _SPEED, int(SPEEDS[1]))),
        )
        fields.end()
        if begin.scenario not in scenario_names():
            hint = f"known: {', '.join(scenario_names())}"
            raise BadField("scenario", f"there is no {begin.scenario!r}", hint)
        with self._one_at_a_time:
            self.stop()
            self._spawn(begin)

    def _spawn(self, begin: Begin) -> None:
        context = multiprocessing.get_context("spawn")
        mine, theirs = context.Pipe()
        process = context.Process(
            target=simulate, args=(theirs, begin), name="foreroute-simulator", daemon=True
        )
        process.start()
        theirs.close()
        with self._lock:
            self._process, self._line, self._newest, self._problem = process, mine, None, ""
        threading.Thread(target=self._listen, args=(mine,), name="foreroute-simulator", daemon=True).start()

    def pace(self, wanted: Mapping[str, object]) -> None:
        """`speed`, `paused`, or both. Raises BadField, and ForerouteError without a run."""
        fields = Fields(dict(wanted))
        speed: int | None = fields.take("speed", _SPEED, None)
        paused: bool | None = fields.take("paused", flag, None)
        fields.end()
        self._tell(Pace(None if speed is None else float(speed), paused))

    def inject(self, event: Mapping[str, object]) -> None:
        """From now on it is part of the story; `at` counts from now. What does not fit the world is told with the next state.

        Raises BadField for what is no event, and ForerouteError without a run.
        """
        try:
            found: EventSpec = _EVENTS.validate_python({"at": "0s", **event})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"][1:] or first["loc"])
            raise BadField(
                where, first["msg"].removeprefix("Value error, "), "as in a scenario's timeline"
            ) from None
        self._tell(Inject(found))

    def state(self) -> tuple[bool, bytes | None, str]:
        """(whether there is a run, its newest state as JSON, what was refused last)."""
        with self._lock:
            return self._line is not None, self._newest, self._problem

    def stop(self) -> None:
        with self._one_at_a_time:
            with self._lock:
                process, line = self._process, self._line
                self._process = self._line = self._newest = None
            if line is not None:
                line.close()
            if process is not None:
                process.terminate()
                process.join(_END_S)

    def _tell(self, message: object) -> None:
        with self._lock:
            line, self._problem = self._line, ""
            if line is None:
                raise ForerouteError("no simulation is running")
            with suppress(OSError):  # it has just ended: the next state says so
                line.send(message)

    def _listen(self, line: Connection) -> None:
        with suppress(EOFError, OSError, TypeError):  # the last for a line that is closed while it is read
            while True:
                message = line.recv()
                with self._lock:
                    if line is not self._line:
                        return
                    match message:
                        case Shown(body):
                            self._newest = body
                        case Refused(problem):
                            self._problem = problem
        with self._lock:
            if line is self._line:
                self._line = self._process = None
                self._problem = self._problem or "the simulation has ended unexpectedly"
