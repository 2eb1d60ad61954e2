"""`foreroute demo`: providers, gateway, control loop and users in one process, over real HTTP, on a scaled clock."""

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from foreroute.app.control_plane import ControlOptions, ControlPlane, save_leftovers
from foreroute.app.data_plane import DataPlane, build_data_plane
from foreroute.app.logs import set_up_logs
from foreroute.control.stages import Stages
from foreroute.control.thread import ControlThread
from foreroute.core.errors import ForerouteError
from foreroute.core.ports import Store
from foreroute.demo.books import close_books
from foreroute.demo.client import DemoClient
from foreroute.demo.config import demo_settings
from foreroute.demo.history import write_history
from foreroute.demo.providers import serve_world
from foreroute.demo.scene import (
    CYCLE_S,
    FAILING,
    FAILS_AFTER_S,
    LIMIT_S,
    ROUTE,
    SLOWING,
    build_world,
)
from foreroute.demo.summary import summarise
from foreroute.demo.talk import Story, Talk
from foreroute.serving import Server, serve_asgi
from foreroute.settings import Settings
from foreroute.simulate.traffic import Arrival, mean_input_tokens, read_trace, repeat, synthetic_trace
from foreroute.simulate.world import World
from foreroute.testing.virtual_loop import LoopClock, VirtualTimeLoop, run_virtual

LIVE_AT: Final = 1_772_442_000.0
"""Monday 2 March 2026, 09:00 UTC: every run starts at the same simulated instant, so that runs can be compared."""
_FOREVER_MINUTES: Final = 24 * 60
_HEADLESS_MINUTES: Final = 90
_TRACE: Final = Path("../shared/data/traces/llm_requests_1h.csv.gz")
_KEEP_EVERY: Final = 2
_PORTS_TRIED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    headless: bool = False
    """No dashboard; ends by itself."""
    seconds: int | None = None
    """At the usual speed, a second is a simulated minute. None: 90 if headless, otherwise until Ctrl-C."""
    as_json: bool = False
    """One JSON object on stdout at the end."""
    seed: int = 1
    speed: float = 60.0
    """Simulated seconds per real one."""
    port: int = 8080
    dashboard_port: int = 8081
    kill_loop_at: float | None = None
    """The simulated minute at which the control loop is killed, to show that requests go on."""
    trace: Path | None = None
    """A recorded arrival trace; None: the one of the working tree if it is there, otherwise a synthetic one."""


def run_demo(options: DemoOptions) -> int:
    """Returns the exit code. Raises ForerouteError when the demo cannot start."""
    with tempfile.TemporaryDirectory(prefix="foreroute-demo-") as folder:
        try:
            return run_virtual(lambda loop: _Demo(options, loop, Path(folder)).run(), speed=options.speed)
        except asyncio.CancelledError:
            return 0


class _Demo:
    def __init__(self, options: DemoOptions, loop: VirtualTimeLoop, folder: Path) -> None:
        self._options = options
        self._loop = loop
        self._folder = folder
        self._minutes = self._length()
        self._clock = LoopClock(loop, epoch_at=LIVE_AT)
        self._world = build_world(options.seed, live_at=LIVE_AT, until_at=LIVE_AT + self._minutes * 60.0)
        self._arrivals, self._trace_name = _arrivals(options)
        self._talk = Talk(quiet=options.as_json, speed=options.speed)

    async def run(self) -> int:
        """Ctrl-C and a polite kill cancel it, so that both leave nothing behind."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, _cancel, asyncio.current_task())
        providers = await serve_world(self._world, self._clock)
        try:
            settings = demo_settings(
                {name: server.url for name, server in providers.items()},
                store=self._folder / "demo.db",
                port=self._options.port,
                dashboard_port=self._options.dashboard_port,
            )
            set_up_logs(settings.log)
            return await self._with_gateway(settings)
        finally:
            for server in providers.values():
                await server.aclose()

    async def _with_gateway(self, settings: Settings) -> int:
        data = build_data_plane(settings, clock=self._clock, rng=Random(self._options.seed))
        server = await _listen(data, self._options.port, self._talk)
        control, thread = self._start_control(settings, data)
        try:
            await self._until_ready(control, thread)
            return await self._live(settings, data, server, control, thread)
        finally:
            await server.aclose()
            await data.gateway.aclose()
            thread.kill()
            await asyncio.to_thread(thread.join, 20.0)

    def _start_control(self, settings: Settings, data: DataPlane) -> tuple[ControlPlane, ControlThread]:
        async def prepare(store: Store, stages: Stages) -> None:
            await write_history(
                store,
                stages,
                self._world,
                self._arrivals,
                data.configured,
                live_at=LIVE_AT,
                seed=self._options.seed,
            )

        options = ControlOptions(
            source="live", wait_for_fits=True, prepare=prepare, demo=True, headless=self._options.headless
        )
        control = ControlPlane(settings, data, self._clock, options)
        thread = ControlThread(control.main, on_exit=self._clock.leave)
        self._clock.start()
        thread.start()
        return control, thread

    async def _until_ready(self, control: ControlPlane, thread: ControlThread) -> None:
        hold = self._loop.hold()  # virtual time must not run on before the users come
        hold.take()
        try:
            await asyncio.to_thread(control.ready.wait)
        finally:
            hold.release()
        if control.loop is None:
            await asyncio.to_thread(thread.join, 20.0)
            raise ForerouteError(f"the demo's control loop did not start: {thread.error}")
        control.loop.on_board.append(self._talk.tick)

    async def _live(
        self,
        settings: Settings,
        data: DataPlane,
        server: Server,
        control: ControlPlane,
        thread: ControlThread,
    ) -> int:
        control.gateway_url = server.url
        taken = settings.dashboard.port
        if taken and control.dashboard_url and not control.dashboard_url.endswith(f":{taken}"):
            self._talk.say(f"port {taken} is taken; the dashboard is on {control.dashboard_url}")
        self._talk.greet(
            server.url,
            control.dashboard_url,
            str(ROUTE),
            self._trace_name,
            story_of(self._world, self._arrivals),
        )
        if self._options.kill_loop_at is not None:
            self._loop.call_at(self._options.kill_loop_at * 60.0, thread.kill)
        client = DemoClient(f"{server.url}/v1", ROUTE)
        await client.run(repeat(self._arrivals, until_s=self._minutes * 60.0))
        # One more minute boundary, so that the last attempts are in a tick too.
        await self._clock.sleep_until(self._clock.now() // 60.0 * 60.0 + 61.0)
        thread.kill()
        await asyncio.to_thread(thread.join, 20.0)
        if control.stages is None or control.loop is None:
            raise ForerouteError("the control loop never started")
        await asyncio.to_thread(asyncio.run, save_leftovers(settings, control.stages))
        books = await asyncio.to_thread(
            asyncio.run,
            close_books(
                settings,
                data,
                control,
                client.tally,
                self._arrivals,
                seed=self._options.seed,
                live_at=LIVE_AT,
            ),
        )
        self._report(summarise(books, self._world))
        return 0

    def _report(self, summary: dict[str, Any]) -> None:
        if self._options.as_json:
            sys.stdout.write(json.dumps(summary) + "\n")
        else:
            self._talk.farewell(summary)

    def _length(self) -> int:
        if self._options.seconds is not None:
            return max(1, round(self._options.seconds * self._options.speed / 60.0))
        return _HEADLESS_MINUTES if self._options.headless else _FOREVER_MINUTES


def _cancel(task: "asyncio.Task[int] | None") -> None:
    if task is not None:
        task.cancel()


def story_of(world: World, arrivals: Sequence[Arrival]) -> Story:
    """Told from the world's own truth."""
    tokens = mean_input_tokens(arrivals)
    crossing = world.crossing_at(
        SLOWING, LIMIT_S, start_at=LIVE_AT, end_at=LIVE_AT + CYCLE_S, input_tokens=tokens
    )
    return Story(
        slowing=SLOWING,
        limit_s=LIMIT_S,
        crosses_at_minute=((crossing or LIVE_AT + CYCLE_S) - LIVE_AT) / 60.0,
        failing=FAILING,
        fails_at_minute=FAILS_AFTER_S / 60.0,
    )


async def _listen(data: DataPlane, port: int, talk: Talk) -> Server:
    """On the wished port, or the next free one, which is said."""
    for wished in range(port, port + _PORTS_TRIED):
        try:
            server = await serve_asgi(data.gateway, port=wished)
        except OSError:
            continue
        if wished != port:
            talk.say(f"port {port} is taken; the gateway is on {wished}")
        return server
    raise ForerouteError(
        f"no free port between {port} and {port + _PORTS_TRIED - 1}; choose another with --port"
    )


def _arrivals(options: DemoOptions) -> tuple[list[Arrival], str]:
    path = options.trace or (_TRACE if _TRACE.exists() else None)
    if path is None:
        return synthetic_trace(
            Random(options.seed), per_minute=220.0, minutes=60
        ), "a synthetic arrival trace"
    try:
        return read_trace(
            path, keep_every=_KEEP_EVERY
        ), f"recorded LLM arrivals ({path.name}, every second one)"
    except OSError as error:
        raise ForerouteError(f"the trace {path} cannot be read: {error.strerror}") from None
