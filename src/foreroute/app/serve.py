"""`foreroute serve`: the gateway on the main thread, the control plane on its own, until a signal says stop."""

import asyncio
import signal
import sys
from random import SystemRandom
from typing import Final

from rich.console import Console

from foreroute.app.control_plane import ControlOptions, ControlPlane
from foreroute.app.data_plane import DataPlane, build_data_plane
from foreroute.app.logs import set_up_logs
from foreroute.clock import SystemClock
from foreroute.control.thread import ControlThread
from foreroute.core.errors import ForerouteError
from foreroute.serving import Server, serve_asgi
from foreroute.settings.model import Settings

_FAREWELL_S: Final = 15.0


def serve(settings: Settings) -> int:
    """Runs until SIGINT or SIGTERM; returns the exit code. Raises ForerouteError when it cannot start."""
    set_up_logs(settings.log)
    return asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    clock = SystemClock()
    planes: list[ControlPlane] = []
    data = build_data_plane(
        settings,
        clock=clock,
        rng=SystemRandom(),
        last_tick_at=lambda: planes[0].last_tick_at() if planes else None,
    )
    control = ControlPlane(settings, data, clock, ControlOptions(source=f"run-{clock.now():.3f}"))
    planes.append(control)
    thread = ControlThread(control.main)
    thread.start()
    await asyncio.to_thread(control.ready.wait)
    if control.loop is None:
        await asyncio.to_thread(thread.join, _FAREWELL_S)
        raise thread.error if isinstance(thread.error, ForerouteError) else ForerouteError(str(thread.error))
    server = await _listen(settings, data)
    control.gateway_url = server.url
    _greet(settings, server, control)
    try:
        await _until_signal()
    finally:
        await server.aclose()
        await data.gateway.aclose()
        await asyncio.to_thread(_stop, thread, control)
        data.intake.close()
    return 0


async def _listen(settings: Settings, data: DataPlane) -> Server:
    section = settings.gateway
    try:
        return await serve_asgi(data.gateway, section.host, section.port)
    except OSError as error:
        raise ForerouteError(
            f"the gateway cannot listen on {section.host}:{section.port}: {error.strerror or error}. "
            "Choose another one with gateway.port or --port"
        ) from None


def _greet(settings: Settings, server: Server, control: ControlPlane) -> None:
    talk = Console(stderr=True, highlight=False)
    talk.print(f"[bold]Foreroute[/bold] serves {', '.join(route.model for route in settings.routes)}")
    talk.print(f"  OpenAI base URL  {server.url}/v1")
    if control.dashboard_url:
        talk.print(f"  dashboard        {control.dashboard_url}")
    talk.print(f"  autopilot        {settings.autopilot}")


async def _until_signal() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _stop(thread: ControlThread, control: ControlPlane) -> None:
    """Lets the loop finish its tick and store what it has; gives up after a while."""
    if thread.alive and control.loop is not None:
        thread.kill()
    if not thread.join(_FAREWELL_S):
        sys.stderr.write("the control loop did not end in time; its last minute may not be stored\n")
