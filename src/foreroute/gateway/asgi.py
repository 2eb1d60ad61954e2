"""The gateway as an ASGI application: its front door and life cycle. `exchange` serves the models."""

import asyncio
import logging
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from foreroute.core.accounts import SharedHealth
from foreroute.core.channel import Channel, Dialect
from foreroute.core.ids import REQUEST_ID_JOINT, ChannelId
from foreroute.core.ports import AttemptSink, Classifier, Clock, Locator
from foreroute.gateway.affinity import Affinity
from foreroute.gateway.delivery import Delivery, Receive, Send
from foreroute.gateway.door import Door
from foreroute.gateway.fleet import ChannelStanding, Fleet
from foreroute.gateway.line import Line
from foreroute.gateway.listing import list_models
from foreroute.gateway.narrow import Knowledge, unit_price
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.ports import Transport
from foreroute.gateway.prober import Prober
from foreroute.gateway.reception import Reception
from foreroute.gateway.retry import RetryBudget
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.till import Till
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Endpoint, ModelsCall, dialect_of, read_path
from foreroute.gateway.works import Tally, Works

_log = logging.getLogger("foreroute.gateway")

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
_METHODS: Final = ("GET", "POST", "DELETE")
_JSON: Final = [(b"content-type", b"application/json")]


class Gateway:
    """Serves the routes of the plan over the channels. One per event loop; closes its transport at the end."""

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        channels: Mapping[ChannelId, Channel],
        plans: PlanCell,
        sink: AttemptSink,
        transport: Transport,
        classifier: Classifier,
        clock: Clock,
        rng: random.Random,
        render_metrics: Callable[[], bytes | Awaitable[bytes]],
        locator: Locator | None = None,
        door: Door | None = None,
        till: Till | None = None,
        shared: Callable[[], SharedHealth | None] = lambda: None,
    ) -> None:
        """Without a door everyone may call; without a till nobody's limits are kept and no price is known. `shared`:
        how what it shares with other gateways is.
        """
        fleet = Fleet(channels)
        self._door = Door({}) if door is None else door
        self._works = Works(
            settings=settings,
            plans=plans,
            fleet=fleet,
            sink=sink,
            transport=transport,
            classifier=classifier,
            clock=clock,
            rng=rng,
            budget=RetryBudget(ratio=settings.retry_ratio, floor=settings.retry_floor),
            hedges=RetryBudget(ratio=settings.hedge_ratio, floor=settings.hedge_floor),
            line=Line(),
            affinity=Affinity(),
            knowledge=Knowledge(
                channels=channels,
                unit_price=lambda channel: (
                    None if till is None else unit_price(till.prices, channel, clock.now())
                ),
                delay_s=lambda channel, work, most: fleet.delay_s(
                    channel,
                    work,
                    most,
                    plans.current().expectations.get(channel),
                    asyncio.get_running_loop().time(),
                ),
                seconds_per_token=fleet.seconds_per_token,
            ),
            tally=Tally(),
        )
        self._prober = Prober(self._works) if settings.probe else None
        self._render_metrics, self._shared = render_metrics, shared
        self._reception = Reception(self._works, locator, till)

    @property
    def tally(self) -> Tally:
        return self._works.tally

    @property
    def requests_total(self) -> int:
        """Requests for a known model that passed the checks."""
        return self._works.tally.requests

    @property
    def attempts_total(self) -> int:
        """Attempts that were recorded on the sink."""
        return self._works.tally.attempts

    def standings(self, at: float) -> Mapping[ChannelId, ChannelStanding]:
        """Breaker, load and throttling of every channel; `at` is the gateway's event loop's time."""
        return self._works.fleet.snapshot(at)

    def reconfigure(self, settings: GatewaySettings, channels: Mapping[ChannelId, Channel]) -> None:
        """A new configuration, for requests from now on; those under way go on. Plans, credentials, keys and prices
        are exchanged where they are kept. Whether it probes is decided once, at the start.
        """
        works = self._works
        works.fleet.adopt(channels)
        works.settings = settings
        works.knowledge = replace(works.knowledge, channels=channels)

    async def aclose(self) -> None:
        if self._prober is not None:
            await self._prober.aclose()
        await self._reception.shadows.aclose()
        await self._works.transport.aclose()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        if scope["type"] != "http":
            return None
        headers: dict[bytes, bytes] = dict(scope["headers"])
        sent = headers.get(b"x-request-id", b"").decode("latin-1")
        fresh = f"req_{self._works.rng.getrandbits(96):024x}"
        # The ledger's rows need a name that nobody has used; the client's own goes before it, to be found by.
        sent = sent if _SANE_ID.fullmatch(sent) else ""
        request_id = f"{sent}{REQUEST_ID_JOINT}{fresh}" if sent else fresh
        delivery = Delivery(send, request_id, sent or fresh, scope.get("extensions", {}).get("foreroute.cut"))
        try:
            await self._serve(scope, headers, receive, delivery)
        except Exception:  # noqa: BLE001 - the request boundary: the client gets an error, the gateway goes on
            _log.exception("request_crashed", extra={"request_id": request_id})
            if not delivery.ended:
                await delivery.error(errors.internal_error(request_id))
        return None

    async def _serve(
        self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes], receive: Receive, delivery: Delivery
    ) -> None:
        method, path, settings = scope["method"], scope["path"], self._works.settings
        call = read_path(path, settings.passthrough)
        if call is None:
            return await self._operate(method, path, delivery)
        allowed: tuple[str, ...] = ("POST",)
        if isinstance(call, ModelsCall):
            allowed = ("GET",)
            delivery.speak(Dialect.ANTHROPIC if b"anthropic-version" in headers else Dialect.OPENAI)
        else:
            delivery.speak(call.endpoint.dialect, typed_events=call.endpoint is Endpoint.RESPONSES)
            if call.endpoint is Endpoint.OPAQUE:
                allowed = _METHODS
        if method not in allowed:
            return await delivery.error(errors.wrong_method(method, path))
        caller = self._door.let_in(headers, self._works.clock.now())
        if isinstance(caller, ErrorAnswer):
            return await delivery.error(caller)
        if isinstance(call, ModelsCall):
            return await list_models(call.name, caller, self._works.plans, delivery)
        return await self._reception.serve(call, scope, headers, caller, receive, delivery)

    async def _operate(self, method: str, path: str, delivery: Delivery) -> None:
        """Health and metrics: no key, no channel, no plan needed to ask."""
        match method, path:
            case "GET", "/health/liveness":
                await delivery.whole(200, _JSON, b'{"status":"alive"}')
            case "GET", "/health/readiness" if self._works.plans.current().routes:
                await delivery.whole(200, _JSON, self._ready())
            case "GET", "/health/readiness":
                await delivery.whole(503, _JSON, b'{"status":"no routes"}')
            case "GET", "/metrics":
                text = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
                metrics = self._render_metrics()
                await delivery.whole(200, text, metrics if isinstance(metrics, bytes) else await metrics)
            case _:
                delivery.speak(dialect_of(path))
                await delivery.error(errors.unknown_path(method, path))

    def _ready(self) -> bytes:
        """Without what it shares it serves all the same, and says so."""
        shared = self._shared()
        return (
            b'{"status":"ready"}'
            if shared is None
            else b'{"status":"ready","shared":"up"}'
            if shared.is_up
            else b'{"status":"ready","shared":"lost"}'
        )

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})
