"""A gateway and its providers on real loopback sockets, on virtual time, with the official client in front."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import ClassVar

import httpx2
import pytest
from openai import AsyncOpenAI

from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass, FailureEvidence, Phase
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import BreakerPolicy, CallPolicy, Route, RoutingPlan, Target, Timeouts
from foreroute.gateway.asgi import Gateway
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.transport import AiohttpTransport
from foreroute.serving import serve_asgi
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
class House:
    gateway: Gateway
    client: AsyncOpenAI
    http: httpx2.AsyncClient
    url: str
    providers: dict[str, FakeProvider]
    says: dict[str, Always]
    attempts: list[Attempt]
    plans: PlanCell

    def set(self, channel: str, **changes) -> None:
        self.says[channel].next = replace(self.says[channel].next, **changes)


POLICY = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=5.0, stall_s=3.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=3, open_s=10.0),
)


@pytest.fixture
async def house() -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """Builds a house. Channels are named by letters; the first one has priority 0 and so on."""
    async with AsyncExitStack() as stack:

        async def build(
            names: str = "ab",
            *,
            settings: GatewaySettings | None = None,
            policy: CallPolicy = POLICY,
            attempts_max: int = 3,
            api_key: str = "none",
        ) -> House:
            says = {name: Always(ProviderAnswer(chunks=(f"I am {name}", ", really", "."))) for name in names}
            providers = {name: FakeProvider(says[name]) for name in names}
            channels = {}
            for name in names:
                server = await stack.enter_async_context(await serve_asgi(providers[name]))
                channels[ChannelId(name)] = Channel(
                    id=ChannelId(name),
                    provider="openai",
                    cloud="local",
                    region=RegionId("here"),
                    model=f"model-of-{name}",
                    base_url=f"{server.url}/v1",
                )
            targets = tuple(
                Target(channel=ChannelId(name), weight=1.0, priority=i, policy=policy)
                for i, name in enumerate(names)
            )
            route = Route(name=RouteName("gpt"), targets=targets, attempts_max=attempts_max)
            plans = PlanCell(
                RoutingPlan(
                    version=0, made_at=EPOCH_AT, valid_until=EPOCH_AT + 1e6, routes={RouteName("gpt"): route}
                )
            )
            attempts = Attempts()
            gateway = Gateway(
                settings or GatewaySettings(),
                channels=channels,
                plans=plans,
                sink=attempts,
                transport=AiohttpTransport({ChannelId(name): f"secret-of-{name}" for name in names}),
                classifier=ByStatus(),
                clock=LoopTime(),
                rng=random.Random(7),
                render_metrics=lambda: b"# metrics\n",
            )
            server = await stack.enter_async_context(await serve_asgi(gateway))
            http = await stack.enter_async_context(httpx2.AsyncClient(base_url=server.url, trust_env=False))
            client = await stack.enter_async_context(
                AsyncOpenAI(base_url=f"{server.url}/v1", api_key=api_key, max_retries=0)
            )
            return House(gateway, client, http, server.url, providers, says, attempts.all, plans)

        yield build
