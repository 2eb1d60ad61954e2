"""A gateway and its providers on real loopback sockets, on virtual time, with the official client in front."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import ClassVar

import httpx2
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel, Dialect
from foreroute.core.failure import FailureClass, FailureEvidence, Phase
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import BreakerPolicy, CallPolicy, Route, RoutingPlan, Target, Timeouts
from foreroute.core.ports import Classifier
from foreroute.gateway.asgi import Gateway
from foreroute.gateway.door import Door
from foreroute.gateway.fleet import ChannelStanding
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.till import Till
from foreroute.gateway.transport import AiohttpTransport
from foreroute.serving import App, serve_asgi
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer
from foreroute.testing.virtual_loop import VirtualTimeLoop

EPOCH_AT = 1_700_000_000.0


def pytest_asyncio_loop_factories(config, item):
    return {"virtual": VirtualTimeLoop}


class LoopTime:
    def now(self) -> float:
        return EPOCH_AT + asyncio.get_running_loop().time()

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError


class ByStatus:
    """The least that a classifier must know for these tests."""

    _CLASSES: ClassVar = {
        400: FailureClass.INVALID_REQUEST,
        401: FailureClass.AUTHENTICATION,
        404: FailureClass.MODEL_NOT_FOUND,
        429: FailureClass.RATE_LIMITED,
        503: FailureClass.OVERLOADED,
    }

    def classify(self, evidence: FailureEvidence) -> FailureClass:
        if any(name == "TimeoutError" for name, _ in evidence.exception_chain):
            return FailureClass.TIMEOUT_READ
        if evidence.phase is Phase.CONNECT:
            return FailureClass.CONNECTION_REFUSED_OR_RESET
        if evidence.error_code in set(FailureClass):
            return FailureClass(evidence.error_code)
        if evidence.status is not None and evidence.status >= 400:
            return self._CLASSES.get(evidence.status, FailureClass.SERVER_ERROR)
        if evidence.phase is Phase.STREAM:
            return FailureClass.STREAM_INTERRUPTED
        return FailureClass.NETWORK_UNSPECIFIED


@dataclass
class Attempts:
    all: list[Attempt] = field(default_factory=list)

    def record(self, attempt: Attempt) -> None:
        self.all.append(attempt)


@dataclass
class Sent:
    """A message of the gateway's to a client, when it left, and how many attempts had been recorded by then."""

    kind: str
    body: bytes
    last: bool
    at: float
    recorded: int


@dataclass
class House:
    gateway: Gateway
    client: AsyncOpenAI
    anthropic: AsyncAnthropic
    http: httpx2.AsyncClient
    url: str
    providers: dict[str, FakeProvider]
    says: dict[str, Always]
    attempts: list[Attempt]
    plans: PlanCell
    sent: list[Sent]

    def set(self, channel: str, **changes) -> None:
        self.says[channel].next = replace(self.says[channel].next, **changes)

    def asked(self, channel: str) -> int:
        return self.providers[channel].requests_total

    def standing(self, channel: str) -> ChannelStanding:
        now = asyncio.get_running_loop().time()
        return self.gateway.standings(now)[ChannelId(channel)]

    def tried(self) -> list[tuple[str, str]]:
        """(channel, outcome) of every attempt, in the order of recording."""
        return [(attempt.channel, attempt.outcome.value) for attempt in self.attempts]

    async def post(self, path: str = "/v1/chat/completions", **fields) -> httpx2.Response:
        """A request to `gpt` that says hello, unless told otherwise."""
        return await self.http.post(path, json={"model": "gpt", "messages": HELLO, **fields})

    async def publish(self, **changes) -> None:
        """A newer plan, the same but for these fields of its route `gpt`."""
        plan = self.plans.current()
        route = replace(plan.routes[RouteName("gpt")], **changes)
        self.plans.publish(replace(plan, version=plan.version + 1, routes={**plan.routes, route.name: route}))


HELLO = [{"role": "user", "content": "Hello?"}]
POLICY = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=5.0, stall_s=3.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=3, open_s=10.0),
)


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What a house looks like. Channels are named by letters; `anthropic` are those of that dialect."""

    names: str = "ab"
    settings: GatewaySettings = field(default_factory=GatewaySettings)
    policy: CallPolicy = POLICY
    policies: Mapping[str, CallPolicy] = field(default_factory=dict)
    """Of single channels, in place of `policy`."""
    attempts_max: int = 3
    api_key: str = "none"
    anthropic: str = ""
    routes: Mapping[str, str] | None = None
    """The channels of each route; without it, one route `gpt` with all of them."""
    priorities: Mapping[str, int] | None = None
    """Of channels; without it, the first of a route has 0, the next one 1, and so on."""
    weights: Mapping[str, float] = field(default_factory=dict)
    fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sticky: bool = False
    classifier: Classifier = field(default_factory=ByStatus)
    door: Door | None = None
    till: Till | None = None

    def route(self, name: str, channels: str) -> Route:
        targets = tuple(
            Target(
                channel=ChannelId(channel),
                weight=self.weights.get(channel, 1.0),
                priority=place if self.priorities is None else self.priorities[channel],
                policy=self.policies.get(channel, self.policy),
            )
            for place, channel in enumerate(channels)
        )
        return Route(
            name=RouteName(name),
            targets=targets,
            attempts_max=self.attempts_max,
            sticky=self.sticky,
            fallbacks=tuple(RouteName(other) for other in self.fallbacks.get(name, ())),
        )

    def channel(self, name: str, url: str) -> Channel:
        anthropic = name in self.anthropic
        return Channel(
            id=ChannelId(name),
            provider="anthropic" if anthropic else "openai",
            cloud="local",
            region=RegionId("here"),
            model=f"model-of-{name}",
            base_url=f"{url}/v1",
            dialect=Dialect.ANTHROPIC if anthropic else Dialect.OPENAI,
        )


@pytest.fixture
async def house() -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """`await house("ab", policy=…)` builds a house; its keywords are the fields of `Plot`."""
    async with AsyncExitStack() as stack:

        async def build(names: str = "ab", **fields) -> House:
            plot = Plot(names=names, **{key: value for key, value in fields.items() if value is not None})
            says = {name: Always(ProviderAnswer(chunks=(f"I am {name}", ", really", "."))) for name in names}
            providers = {name: FakeProvider(says[name]) for name in names}
            channels = {}
            for name in names:
                server = await stack.enter_async_context(await serve_asgi(providers[name]))
                channels[ChannelId(name)] = plot.channel(name, server.url)
            routes = [plot.route(*one) for one in (plot.routes or {"gpt": names}).items()]
            plans = PlanCell(
                RoutingPlan(
                    version=0,
                    made_at=EPOCH_AT,
                    valid_until=EPOCH_AT + 1e6,
                    routes={route.name: route for route in routes},
                )
            )
            attempts, sent = Attempts(), list[Sent]()
            gateway = Gateway(
                plot.settings,
                channels=channels,
                plans=plans,
                sink=attempts,
                transport=AiohttpTransport({ChannelId(name): f"secret-of-{name}" for name in names}),
                classifier=plot.classifier,
                clock=LoopTime(),
                rng=random.Random(7),
                render_metrics=lambda: b"# metrics\n",
                door=plot.door,
                till=plot.till,
            )
            stack.push_async_callback(gateway.aclose)
            server = await stack.enter_async_context(await serve_asgi(_watched(gateway, sent, attempts)))
            http = await stack.enter_async_context(
                httpx2.AsyncClient(base_url=server.url, trust_env=False, timeout=300.0)
            )
            client = await stack.enter_async_context(
                AsyncOpenAI(base_url=f"{server.url}/v1", api_key=plot.api_key, max_retries=0)
            )
            anthropic = await stack.enter_async_context(
                AsyncAnthropic(base_url=server.url, api_key=plot.api_key, max_retries=0)
            )
            return House(
                gateway, client, anthropic, http, server.url, providers, says, attempts.all, plans, sent
            )

        yield build


def _watched(app: App, sent: list[Sent], attempts: Attempts) -> App:
    """The application, and a note of every message that it sends to clients."""

    async def watched(scope, receive, send) -> None:
        async def note(message) -> None:
            if scope["type"] == "http":
                at = asyncio.get_running_loop().time()
                last = message["type"] == "http.response.body" and not message.get("more_body", False)
                sent.append(Sent(message["type"], message.get("body", b""), last, at, len(attempts.all)))
            await send(message)

        await app(scope, receive, note)

    return watched
