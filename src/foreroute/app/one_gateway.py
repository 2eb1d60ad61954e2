"""The gateway on the event loop of the process that also steers it: the usual case."""

import asyncio
from collections.abc import Sequence
from random import Random

from foreroute.app.data_plane import DataPlane, build_data_plane
from foreroute.app.shared import open_shared_state
from foreroute.core.errors import ForerouteError
from foreroute.core.ports import Clock
from foreroute.monitor.export import Gauge
from foreroute.serving import Server, serve_asgi
from foreroute.settings.model import Settings


class OneGateway:
    def __init__(self, settings: Settings, clock: Clock, gauges: Sequence[Gauge]) -> None:
        self._shared = open_shared_state(settings, clock)
        self.plane: DataPlane = build_data_plane(
            settings, clock=clock, rng=Random(), gauges=gauges, shared=self._shared
        )
        self._settings = settings
        self._server: Server | None = None

    async def start(self) -> str:
        """Returns the address. Raises ForerouteError when the port is taken."""
        section = self._settings.gateway
        self.plane.transport.warm()
        if self._shared is not None:
            await self._shared.start()
        try:
            self._server = await serve_asgi(self.plane.gateway, section.host, section.port)
        except OSError as error:
            raise ForerouteError(
                f"the gateway cannot listen on {section.host}:{section.port}: {error.strerror or error}. "
                "Choose another one with gateway.port or --port"
            ) from None
        return self._server.url

    def reconfigure(self, settings: Settings) -> None:
        self._settings = settings
        self.plane.reconfigure(settings)

    async def stop(self) -> None:
        """Lets requests end; after a while they are cut."""
        if self._server is not None:
            await self._server.aclose()
        await self.plane.gateway.aclose()
        if self._shared is not None:
            await self._shared.aclose()
        if self.plane.otel is not None:
            await asyncio.to_thread(self.plane.otel.close)

    def close(self) -> None:
        """After the control plane has stored everything."""
        self.plane.intake.close()
