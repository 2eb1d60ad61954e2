"""`foreroute serve`: until a signal says stop; SIGHUP reads the configuration again."""

import asyncio
import resource
import signal
from contextlib import suppress

from rich.console import Console

from foreroute.app.config_watch import ConfigSource
from foreroute.app.logs import set_up_logs
from foreroute.app.service import Service
from foreroute.settings.model import Settings


def serve(settings: Settings, source: ConfigSource) -> int:
    """Runs until SIGINT or SIGTERM; returns the exit code. Raises ForerouteError when it cannot start."""
    set_up_logs(settings.log)
    allow_files()
    keep_no_dump()
    return asyncio.run(_serve(settings, source))


def keep_no_dump() -> None:
    """A dump of this process would hold keys and prompts."""
    with suppress(ValueError, OSError):  # where nobody may set limits, whoever forbade it has set this one
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_files() -> None:
    """As many open files as the system lets this process have: every connection is one, and the usual 1,024 are few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems say "no limit" and mean less
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(settings: Settings, source: ConfigSource) -> int:
    service = Service(settings, source)
    stop, again = asyncio.Event(), asyncio.Event()
    try:
        await service.start()
        _listen_for_signals(stop, again)  # before anybody is told that it serves
        _greet(settings, service)
        await _until(stop, again, service)
    finally:
        await service.stop()
    return 0


def _listen_for_signals(stop: asyncio.Event, again: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)


def _greet(settings: Settings, service: Service) -> None:
    talk = Console(stderr=True, highlight=False)
    talk.print(f"[bold]Foreroute[/bold] serves {', '.join(route.model for route in settings.routes)}")
    talk.print(f"  OpenAI base URL  {service.gateway_url}/v1")
    if service.dashboard_url:
        talk.print(f"  dashboard        {service.dashboard_url}")
    talk.print(f"  autopilot        {settings.autopilot}")


async def _until(stop: asyncio.Event, again: asyncio.Event, service: Service) -> None:
    others = [
        asyncio.ensure_future(service.watch.watch()),
        asyncio.ensure_future(_reload_whenever(again, service)),
    ]
    try:
        await stop.wait()
    finally:
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def _reload_whenever(asked: asyncio.Event, service: Service) -> None:
    while True:
        await asked.wait()
        asked.clear()
        await service.reload()
