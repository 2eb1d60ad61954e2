"""The gateway as an ASGI application: its front door and life cycle. `exchange` serves the models."""

import logging
import random
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from foreroute.core.channel import Channel, Dialect
from foreroute.core.ids import ChannelId, KeyId, RequestId, RouteName
from foreroute.core.ports import AttemptSink, Classifier, Clock, Locator
from foreroute.gateway.affinity import Affinity
from foreroute.gateway.client import read_body, while_client_listens
from foreroute.gateway.delivery import Delivery, Receive, Send
from foreroute.gateway.exchange import Exchange
from foreroute.gateway.fleet import ChannelStanding, Fleet
from foreroute.gateway.keys import known_key, presented_key
from foreroute.gateway.line import Line
from foreroute.gateway.narrow import Knowledge, UnitPrice
from foreroute.gateway.plan_cell import PlanCell, ServedRoute
from foreroute.gateway.ports import Transport
from foreroute.gateway.prober import Prober
from foreroute.gateway.pulse import Pulse
from foreroute.gateway.retry import RetryBudget
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.trial import Origin
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Call, Endpoint, ModelsCall, dialect_of, read_path
from foreroute.gateway.wire.request import ModelRequest, read_opaque_request, read_request
from foreroute.gateway.works import Tally, Works

_log = logging.getLogger("foreroute.gateway")

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
_FORWARDED: Final = (
    b"traceparent",
    b"tracestate",
    b"openai-beta",
    b"anthropic-beta",
    b"anthropic-version",
    b"idempotency-key",
)
_METHODS: Final = ("GET", "POST", "DELETE")
_CLIENT_IDS_KEPT: Final = 10_000
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
        render_metrics: Callable[[], bytes],
        locator: Locator | None = None,
        unit_price: Callable[[Channel], UnitPrice | None] = lambda _: None,
    ) -> None:
        fleet = Fleet(channels)
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
            hedges=RetryBudget(ratio=settings.hedge_ratio, floor=1),
            line=Line(),
            affinity=Affinity(),
            knowledge=Knowledge(
                channels=channels,
                unit_price=unit_price,
                latency_s=fleet.latency_s,
                seconds_per_token=fleet.seconds_per_token,
            ),
            tally=Tally(),
        )
        self._prober = Prober(self._works) if settings.probe else None
        self._render_metrics = render_metrics
        self._locator = locator
        self._client_ids: OrderedDict[str, None] = OrderedDict()

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

    async def aclose(self) -> None:
        if self._prober is not None:
            await self._prober.aclose()
        await self._works.transport.aclose()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        if scope["type"] != "http":
            return None
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = self._request_id(headers)
        delivery = Delivery(send, request_id, scope.get("extensions", {}).get("foreroute.cut"))
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
        key_id = known_key(presented_key(headers), settings.keys) if settings.keys else None
        if settings.keys and key_id is None:
            return await delivery.error(errors.wrong_key())
        if isinstance(call, ModelsCall):
            return await self._models(call.name, delivery)
        return await self._model_call(call, scope, headers, key_id, receive, delivery)

    async def _model_call(
        self,
        call: Call,
        scope: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
        key_id: KeyId | None,
        receive: Receive,
        delivery: Delivery,
    ) -> None:
        works, settings = self._works, self._works.settings
        body = await read_body(headers, receive, settings.body_bytes_max)
        if body is None:
            return None
        if isinstance(body, ErrorAnswer):
            return await delivery.error(body)
        request = await self._read(call, scope, headers, body)
        if isinstance(request, ErrorAnswer):
            return await delivery.error(request)
        routes = self._routes(request)
        if not routes:
            return await delivery.error(errors.unknown_model(request.model))
        text = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
        region = None
        if self._locator is not None:
            client = scope.get("client")
            region = self._locator.region_of(client[0] if client else None, text)
        origin = Origin(
            request_id=RequestId(delivery.request_id),
            route=request.model,
            stream=request.stream,
            key_id=key_id,
            client_region=region,
        )
        forwarded = {name.decode(): text[name.decode()] for name in _FORWARDED if name in headers}
        exchange = Exchange(works, request, origin, delivery, forwarded)
        if not request.stream:
            return await while_client_listens(exchange.run(routes), receive, delivery)
        with Pulse(delivery, settings.keep_alive_s):
            return await while_client_listens(exchange.run(routes), receive, delivery)

    async def _read(
        self, call: Call, scope: Mapping[str, Any], headers: Mapping[bytes, bytes], body: bytes
    ) -> ModelRequest | ErrorAnswer:
        if call.endpoint is not Endpoint.OPAQUE:
            return await read_request(call, body, depth_max=self._works.settings.depth_max)
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        home = next(iter(self._works.plans.configured.routes))
        request = read_opaque_request(call, scope["method"], body, content_type, home)
        return replace(request, path=f"{request.path}?{query}") if query else request

    def _routes(self, request: ModelRequest) -> Sequence[ServedRoute]:
        """The route that was asked for, then those that stand in for it; none if there is no such route."""
        plans, now = self._works.plans, self._works.clock.now()
        first = plans.route(request.model, now)
        others = request.preferences.models
        if first is None:
            return [served for name in others if (served := plans.route(name, now)) is not None]
        if not others and not first.route.fallbacks:
            return (first,)
        names = dict.fromkeys((*others, *first.route.fallbacks))
        found = (plans.route(name, now) for name in names if name != request.model)
        return [first, *(served for served in found if served is not None)]

    async def _models(self, name: RouteName | None, delivery: Delivery) -> None:
        plan = self._works.plans.configured
        names = sorted({*plan.routes, *self._works.plans.current().routes})
        if name is not None and name not in names:
            return await delivery.error(errors.unknown_model(name))
        entries = [_model_entry(one, plan.made_at, delivery.dialect) for one in names]
        if name is not None:
            return await delivery.whole(200, _JSON, orjson.dumps(entries[names.index(name)]))
        listing: dict[str, Any] = {"object": "list", "data": entries}
        if delivery.dialect is Dialect.ANTHROPIC:
            listing = {"data": entries, "has_more": False, "first_id": names[0], "last_id": names[-1]}
        return await delivery.whole(200, _JSON, orjson.dumps(listing))

    async def _operate(self, method: str, path: str, delivery: Delivery) -> None:
        """Health and metrics: no key, no channel, no plan needed to ask."""
        match method, path:
            case "GET", "/health/liveness":
                await delivery.whole(200, _JSON, b'{"status":"alive"}')
            case "GET", "/health/readiness" if self._works.plans.current().routes:
                await delivery.whole(200, _JSON, b'{"status":"ready"}')
            case "GET", "/health/readiness":
                await delivery.whole(503, _JSON, b'{"status":"no routes"}')
            case "GET", "/metrics":
                text = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
                await delivery.whole(200, text, self._render_metrics())
            case _:
                delivery.speak(dialect_of(path))
                await delivery.error(errors.unknown_path(method, path))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    def _request_id(self, headers: Mapping[bytes, bytes]) -> RequestId:
        """The client's own id if it is sane and not lately used, otherwise a new one.

        An id names the ledger's rows, so a client that repeats its id must not hide the second request.
        """
        fresh = f"{self._works.rng.getrandbits(96):024x}"
        sent = headers.get(b"x-request-id", b"").decode("latin-1")
        if not _SANE_ID.fullmatch(sent):
            return RequestId(f"req_{fresh}")
        if sent in self._client_ids:
            return RequestId(f"{sent[:100]}:{fresh}")
        self._client_ids[sent] = None
        if len(self._client_ids) > _CLIENT_IDS_KEPT:
            self._client_ids.popitem(last=False)
        return RequestId(sent)


def _model_entry(name: RouteName, made_at: float, dialect: Dialect) -> dict[str, Any]:
    if dialect is Dialect.ANTHROPIC:
        created = datetime.fromtimestamp(int(made_at), UTC).isoformat().replace("+00:00", "Z")
        return {"id": name, "type": "model", "display_name": name, "created_at": created}
    return {"id": name, "object": "model", "created": int(made_at), "owned_by": "foreroute"}
