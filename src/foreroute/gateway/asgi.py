"""The gateway as an ASGI application: paths, keys, bodies and life cycle. `exchange` serves the models."""

import logging
import random
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from foreroute.core.channel import Channel
from foreroute.core.ids import ChannelId, KeyId, RequestId, RouteName
from foreroute.core.ports import AttemptSink, Classifier, Clock, Locator
from foreroute.gateway import errors
from foreroute.gateway.client import read_body, while_client_listens
from foreroute.gateway.delivery import Delivery, Receive, Send
from foreroute.gateway.errors import ErrorAnswer
from foreroute.gateway.exchange import Exchange, Tally, Works
from foreroute.gateway.fleet import ChannelStanding, Fleet
from foreroute.gateway.keys import known_key, presented_key
from foreroute.gateway.openai import Endpoint, read_request
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.ports import Transport
from foreroute.gateway.retry import RetryBudget
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.trial import Origin

_log = logging.getLogger("foreroute.gateway")

_ENDPOINTS: Final = {prefix + endpoint.value: endpoint for prefix in ("/v1", "") for endpoint in Endpoint}
_MODELS: Final = re.compile(r"(?:/v1)?/models(?:/(.+))?")
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
_FORWARDED: Final = (b"traceparent", b"tracestate", b"openai-beta")
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
    ) -> None:
        self._works = Works(
            settings=settings,
            plans=plans,
            fleet=Fleet(channels),
            sink=sink,
            transport=transport,
            classifier=classifier,
            clock=clock,
            rng=rng,
            budget=RetryBudget(ratio=settings.retry_ratio, floor=settings.retry_floor),
            tally=Tally(),
        )
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
        await self._works.transport.aclose()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        if scope["type"] != "http":
            return None
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = self._request_id(headers)
        delivery = Delivery(send, [(b"x-request-id", request_id.encode())])
        try:
            await self._serve(scope, headers, request_id, receive, delivery)
        except Exception:  # noqa: BLE001 - the request boundary: the client gets an error, the gateway goes on
            _log.exception("request_crashed", extra={"request_id": request_id})
            if not delivery.started:
                await delivery.error(errors.internal_error(request_id))
            elif not delivery.ended:
                await delivery.end(errors.internal_error(request_id).event())
        return None

    async def _serve(
        self,
        scope: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
        request_id: RequestId,
        receive: Receive,
        delivery: Delivery,
    ) -> None:
        method, path = scope["method"], scope["path"]
        endpoint = _ENDPOINTS.get(path)
        models = None if endpoint is not None else _MODELS.fullmatch(path)
        if endpoint is None and models is None:
            return await self._operate(method, path, delivery)
        if method != ("GET" if endpoint is None else "POST"):
            return await delivery.error(errors.wrong_method(method, path))
        settings = self._works.settings
        key_id = known_key(presented_key(headers), settings.keys) if settings.keys else None
        if settings.keys and key_id is None:
            return await delivery.error(errors.wrong_key())
        if endpoint is not None:
            return await self._model_call(endpoint, scope, headers, (request_id, key_id), receive, delivery)
        return await self._models(models.group(1) if models else None, delivery)

    async def _model_call(
        self,
        endpoint: Endpoint,
        scope: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
        caller: tuple[RequestId, KeyId | None],
        receive: Receive,
        delivery: Delivery,
    ) -> None:
        works, settings = self._works, self._works.settings
        body = await read_body(headers, receive, settings.body_bytes_max)
        if body is None:
            return None
        if isinstance(body, ErrorAnswer):
            return await delivery.error(body)
        request = read_request(endpoint, body, depth_max=settings.depth_max)
        if isinstance(request, ErrorAnswer):
            return await delivery.error(request)
        served = works.plans.route(request.model, works.clock.now())
        if served is None:
            return await delivery.error(errors.unknown_model(request.model))
        text = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
        region = None
        if self._locator is not None:
            client = scope.get("client")
            region = self._locator.region_of(client[0] if client else None, text)
        origin = Origin(
            request_id=caller[0],
            route=request.model,
            stream=request.stream,
            key_id=caller[1],
            client_region=region,
        )
        forwarded = {name.decode(): text[name.decode()] for name in _FORWARDED if name in headers}
        exchange = Exchange(works, request, origin, delivery)
        return await while_client_listens(exchange.run(served, forwarded), receive, delivery)

    async def _models(self, name: str | None, delivery: Delivery) -> None:
        plan = self._works.plans.configured
        names = sorted({*plan.routes, *self._works.plans.current().routes})
        made_at = int(plan.made_at)
        entries = [{"id": n, "object": "model", "created": made_at, "owned_by": "foreroute"} for n in names]
        if name is None:
            return await delivery.whole(200, _JSON, orjson.dumps({"object": "list", "data": entries}))
        if RouteName(name) not in names:
            return await delivery.error(errors.unknown_model(name))
        return await delivery.whole(200, _JSON, orjson.dumps(entries[names.index(RouteName(name))]))

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
