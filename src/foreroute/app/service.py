"""What `foreroute serve` runs: one gateway or several, and the control plane on a thread of its own.

A new configuration is put into the running gateway, and the control plane is started anew beside it: it takes up
its minutes, its models and the operator's wishes where the old one left them.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from foreroute.app.backup import finish
from foreroute.app.config_watch import ConfigSource, ConfigWatch, ReloadResult
from foreroute.app.control_plane import ControlOptions, ControlPlane
from foreroute.app.demand import demand_rows
from foreroute.app.one_gateway import OneGateway
from foreroute.app.places import check_places
from foreroute.app.plane import Plane
from foreroute.app.stages import stages_of
from foreroute.app.tls import check_listeners
from foreroute.app.workers import Workers
from foreroute.clock import SystemClock
from foreroute.control.state import Board
from foreroute.control.thread import ControlThread
from foreroute.core.errors import ForerouteError
from foreroute.monitor.export import Gauge
from foreroute.settings.model import Settings

_log: Final = logging.getLogger("foreroute.config")
_FAREWELL_S: Final = 15.0


class Front(Protocol):
    """Whatever serves the users."""

    @property
    def plane(self) -> Plane: ...

    async def start(self) -> str: ...

    def reconfigure(self, settings: Settings) -> None: ...

    async def stop(self) -> None: ...

    def close(self) -> None: ...


class Service:
    """`start`, then `reload` as often as needed, then `stop`. All on one event loop."""

    def __init__(self, settings: Settings, source: ConfigSource) -> None:
        self.clock = SystemClock()
        self.watch = ConfigWatch(source=source, settings=settings, apply=self._apply, clock=self.clock)
        self._url: str | None = None
        self._control: ControlPlane | None = None
        self._thread: ControlThread | None = None
        self._reloading: asyncio.Future[ReloadResult] | None = None
        gauges = [*self.watch.gauges(), self._last_tick(), self._demand()]
        many = settings.gateway.workers > 1
        self._front: Front = (
            Workers(settings, self.clock, gauges) if many else OneGateway(settings, self.clock, gauges)
        )

    @property
    def gateway_url(self) -> str:
        assert self._url is not None  # noqa: S101 - asked after the start
        return self._url

    @property
    def dashboard_url(self) -> str | None:
        return None if self._control is None else self._control.dashboard_url

    async def start(self) -> None:
        """Raises ForerouteError with a sentence for a person."""
        check_listeners(self.watch.settings)
        if finish(self.watch.settings):
            _log.warning("restore_finished", extra={"store": str(self.watch.settings.store.path)})
        self.watch.begin()
        await self._start_control(self.watch.settings)
        self._url = await self._front.start()
        if self._control is not None:
            self._control.gateway_url = self._url

    async def reload(self) -> ReloadResult:
        return await self.watch.reload()

    async def stop(self) -> None:
        await self._front.stop()
        await self._stop_control()
        self._front.close()

    async def _apply(self, settings: Settings) -> None:
        """Serve these settings; if the control plane does not start with them, the old ones again."""
        before = self.watch.settings
        check_listeners(settings)
        check_places(settings)  # what can fail for a file's sake fails before anything is stopped
        await self._stop_control()
        try:
            self._front.reconfigure(settings)
            await self._start_control(settings)
        except ForerouteError:
            try:
                self._front.reconfigure(before)
            except ForerouteError as error:
                # What serves is what served before: only what could not be read again is missing.
                _log.error("config_not_taken_back", extra={"error": str(error)})
            await self._start_control(before)
            raise

    async def _start_control(self, settings: Settings) -> None:
        before = self._control
        steering = None if before is None else before.steering
        if before is not None and steering is not None:
            steering.configure(settings.autopilot, stages_of(settings))
            settings = _with_same_port(settings, before.dashboard_url)
        control = ControlPlane(
            settings,
            self._front.plane,
            self.clock,
            ControlOptions(source=f"run-{self.clock.now():.3f}"),
            steering=steering,
            gateway_url=self._url,
            reload=self._reload_from_elsewhere(),
        )
        thread = ControlThread(control.main)
        thread.start()
        await asyncio.to_thread(control.ready.wait)
        if control.loop is None:
            await asyncio.to_thread(thread.join, _FAREWELL_S)
            error = thread.error
            raise error if isinstance(error, ForerouteError) else ForerouteError(str(error))
        self._control, self._thread = control, thread

    def _reload_from_elsewhere(self) -> Callable[[], Awaitable[ReloadResult]]:
        """For the API, which lives on the control plane's event loop. That loop ends with the reload, so the answer
        says what the check has found, and the change follows.
        """
        loop = asyncio.get_running_loop()

        async def reload() -> ReloadResult:
            checked = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.watch.check(), loop))
            if checked.applied:
                loop.call_soon_threadsafe(self._begin_reload)
            return checked

        return reload

    def _begin_reload(self) -> None:
        self._reloading = asyncio.ensure_future(self.reload())

    async def _stop_control(self) -> None:
        """Lets the loop finish its tick and store what it has; gives up after a while."""
        thread, control = self._thread, self._control
        if thread is None or control is None:
            return
        if thread.alive and control.loop is not None:
            thread.kill()
        if not await asyncio.to_thread(thread.join, _FAREWELL_S):
            sys.stderr.write("the control loop did not end in time; its last minute may not be stored\n")
        self._thread = None

    def _demand(self) -> Gauge:
        return Gauge(
            "foreroute_forecast_attempts_per_minute",
            "The busiest minute of the next quarter of an hour: scale on it.",
            ("channel", "bound"),
            lambda: demand_rows(_board(self._control)),
        )

    def _last_tick(self) -> Gauge:
        def read() -> list[tuple[tuple[()], float]]:
            at = None if self._control is None else self._control.last_tick_at()
            return [] if at is None else [((), at)]

        return Gauge(
            "foreroute_loop_last_tick_timestamp_seconds", "When the control loop last ticked.", (), read
        )


def _board(control: ControlPlane | None) -> Board | None:
    return None if control is None or control.loop is None else control.loop.board


def _with_same_port(settings: Settings, url: str | None) -> Settings:
    """A dashboard that took a free port keeps it: people have it open."""
    if settings.dashboard.port or url is None:
        return settings
    port = int(url.rpartition(":")[2])
    return settings.model_copy(update={"dashboard": settings.dashboard.model_copy(update={"port": port})})
