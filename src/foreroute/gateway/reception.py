"""From a request's bytes to an exchange: read it, find its routes, reserve what it may cost, and settle in the end."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from foreroute.core.accounts import Refusal
from foreroute.core.assignment import Drawn
from foreroute.core.attempt import Asked
from foreroute.core.channel import Dialect
from foreroute.core.errors import StoreError
from foreroute.core.ids import RegionId, RequestId, RouteName
from foreroute.core.ports import Locator
from foreroute.core.routes import Route
from foreroute.gateway.account_headers import limit_headers
from foreroute.gateway.arms import Arms, unit_reader
from foreroute.gateway.budgets import turned_away
from foreroute.gateway.client import read_body, while_client_listens
from foreroute.gateway.delivery import Delivery, Receive
from foreroute.gateway.door import Caller
from foreroute.gateway.exchange import Exchange
from foreroute.gateway.plan_cell import ServedRoute
from foreroute.gateway.pulse import Pulse
from foreroute.gateway.residency import Regions, allowed
from foreroute.gateway.shadow import Shadows
from foreroute.gateway.tab import Tab
from foreroute.gateway.till import Till, waits_s
from foreroute.gateway.trial import Origin
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer
from foreroute.gateway.wire.paths import Call, Endpoint
from foreroute.gateway.wire.preferences import read_slo
from foreroute.gateway.wire.request import ModelRequest, read_opaque_request, read_request
from foreroute.gateway.works import Works

_FORWARDED: Final = (
    b"traceparent",
    b"tracestate",
    b"openai-beta",
    b"anthropic-beta",
    b"anthropic-version",
    b"idempotency-key",
)
_TRACE: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Reception:
    """Takes every request for a model. Without a till nobody's limits are kept."""

    def __init__(self, works: Works, locator: Locator | None, till: Till | None) -> None:
        self._works = works
        self._locator = locator
        self._till = till
        self._arms = Arms(works.plans)
        self.shadows = Shadows(works, till)

    async def serve(
        self,
        call: Call,
        scope: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
        caller: Caller,
        receive: Receive,
        delivery: Delivery,
    ) -> None:
        works = self._works
        body = await read_body(headers, receive, works.settings.body_bytes_max)
        if body is None:
            works.tally.unread += 1
            return None
        request = (
            body if isinstance(body, ErrorAnswer) else await self._read(call, scope, headers, body, caller)
        )
        if isinstance(request, ErrorAnswer):
            return await delivery.error(request)
        routes: Sequence[ServedRoute]
        routes = [served for served in self._routes(request) if caller.may_use(served.route.name)]
        if not routes:
            return await delivery.error(errors.unknown_model(request.model))
        regions = self._regions(caller, routes[0].route)
        enrolled = None
        if works.plans.current().experiments:
            units = unit_reader(request, headers, caller.key_id, delivery.request_id)
            enrolled = self._arms.enrol(request.model, routes, units, works.clock.now())
            routes = routes if enrolled is None else enrolled.routes
        origin = Origin(
            request_id=RequestId(delivery.request_id),
            route=request.model,
            stream=request.stream,
            key_id=caller.key_id,
            client_region=self._region(scope, headers),
            trace=_trace(headers),
            asked=Asked(
                request.path if request.endpoint is not Endpoint.OPAQUE else Endpoint.OPAQUE.value,
                request.input_tokens,
                request.output_tokens_max,
                request.tools,
                request.tier,
            ),
            arms=() if enrolled is None else enrolled.marks,
        )
        forwarded = {name.decode(): headers[name].decode("latin-1") for name in _FORWARDED if name in headers}
        copies = () if enrolled is None else enrolled.copies
        serving = self._pay(caller, request, routes, origin, delivery, forwarded, regions, copies)
        on_disconnect = scope.get("extensions", {}).get("foreroute.on_disconnect")
        return await while_client_listens(serving, receive, delivery, on_disconnect)

    async def _pay(
        self,
        caller: Caller,
        request: ModelRequest,
        routes: Sequence[ServedRoute],
        origin: Origin,
        delivery: Delivery,
        forwarded: Mapping[str, str],
        regions: Regions | None,
        copies: Sequence[Drawn],
    ) -> None:
        """Serves the request with what it may cost reserved, and settles in the end."""
        works = self._works
        tab = await self._open_tab(caller, request, routes, delivery)
        if isinstance(tab, ErrorAnswer):
            return await delivery.error(tab)
        for copied in copies:
            self.shadows.send(copied, request, origin, forwarded, regions)
        try:
            if tab is not None and self._till is not None:
                routes = self._till.kept(routes, tab, works.clock.now())
            exchange = Exchange(works, request, origin, delivery, forwarded, tab, regions, self._till)
            if not request.stream:
                return await exchange.run(routes)
            with Pulse(delivery, works.settings.keep_alive_s):
                return await exchange.run(routes)
        except StoreError:
            return await delivery.error(errors.accounts_unavailable())
        finally:
            if tab is not None:
                tab.close(works.clock.now())

    def _regions(self, caller: Caller, route: Route) -> Regions | None:
        """Where the request may be served, wherever it is sent on to."""
        known, by_tag = caller.known, self._works.settings.residency
        if known is None:
            return route.regions or None
        return allowed(route.regions, known.key, known.team, by_tag)

    async def _open_tab(
        self, caller: Caller, request: ModelRequest, routes: Sequence[ServedRoute], delivery: Delivery
    ) -> Tab | ErrorAnswer | None:
        """Reserves what the request may cost, for callers with limits and where budgets hold; the headers say what is
        left of limits. Waits for room where a budget wants that.
        """
        till, works = self._till, self._works
        if till is None or not till.concerns(caller):
            return None
        loop = asyncio.get_running_loop()
        names = {target.channel for served in routes for target in served.route.targets}
        asked = [works.fleet.channels[name] for name in names if name in works.fleet.channels]
        began, own_headers = loop.time(), delivery.own_headers
        while True:
            now = works.clock.now()
            tab = await till.open(caller, request, asked, now)
            if isinstance(tab, ErrorAnswer):
                return tab
            answer = tab if isinstance(tab, Refusal) else tab.ticket
            if answer is not None:
                limits = limit_headers(answer, now, anthropic=delivery.dialect is Dialect.ANTHROPIC)
                delivery.own_headers = [*own_headers, *limits]
            if not isinstance(tab, Refusal):
                return tab
            budget = till.book.named(tab.scope)
            left_s = began + waits_s(tab, budget) - loop.time()
            if left_s <= 0.0 or till.waiting >= works.settings.queue_max:
                return _refused(tab) if budget is None else turned_away(tab, budget)
            await till.room(left_s)

    def _region(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> RegionId | None:
        if self._locator is None:
            return None
        client = scope.get("client")
        return self._locator.region_of(client[0] if client else None, _Text(headers))

    async def _read(
        self,
        call: Call,
        scope: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
        body: bytes,
        caller: Caller,
    ) -> ModelRequest | ErrorAnswer:
        if call.endpoint is not Endpoint.OPAQUE:
            request = await read_request(call, body, depth_max=self._works.settings.depth_max)
            slo = headers.get(b"x-slo-ttft-ms")
            return request if slo is None or isinstance(request, ErrorAnswer) else _within(request, slo)
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        home = next(iter(self._works.plans.configured.routes), RouteName(""))
        depth_max = self._works.settings.depth_max
        request = await read_opaque_request(
            call, scope["method"], body, content_type, home, depth_max=depth_max
        )
        if isinstance(request, ErrorAnswer):
            return request
        if caller.known is not None and request.names_no_model:
            return errors.shared_objects()
        if request.body_model is None:
            request = self._at_its_channel(request)
        return replace(request, path=f"{request.path}?{query}") if query else request

    def _at_its_channel(self, request: ModelRequest) -> ModelRequest:
        """A request about an object goes by a route of the channel that has it."""
        channel = self._works.affinity.channel_of(request.follows)
        routes = self._works.plans.configured.routes.values()
        names = [route.name for route in routes if any(t.channel == channel for t in route.targets)]
        return replace(request, model=names[0]) if channel is not None and names else request

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


def _trace(headers: Mapping[bytes, bytes]) -> str | None:
    """What the caller's trace is, for attempts that are written down: nothing else than a trace may come in here."""
    found = _TRACE.match(headers.get(b"traceparent", b""))
    return None if found is None else found[0].decode()


def _within(request: ModelRequest, slo: bytes) -> ModelRequest | ErrorAnswer:
    """The same request with its caller's patience."""
    seconds = read_slo(slo)
    if isinstance(seconds, ErrorAnswer):
        return seconds
    return replace(request, preferences=replace(request.preferences, first_chunk_max_s=seconds))


def _refused(refusal: Refusal) -> ErrorAnswer:
    match refusal.code:
        case "budget":
            return errors.over_budget(refusal.message, refusal.retry_after_s)
        case "unpriced":
            return errors.unpriced(refusal.message)
        case _:
            return errors.over_limit(refusal.message, refusal.retry_after_s)


class _Text(Mapping[str, str]):
    """Headers as text, each when it is asked for: most requests ask for none or one."""

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self._headers[name.encode("latin-1", "replace")].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._headers)

    def __len__(self) -> int:
        return len(self._headers)
