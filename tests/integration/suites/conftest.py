"""The gateway between other people's programs: two channels of each dialect behind it, all on loopback sockets.

Tests with another process or with threads run on real time, all others on virtual time.
"""

import asyncio
import json
import os
import random
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from foreroute.core.attempt import Attempt
from foreroute.core.channel import Channel, Dialect
from foreroute.core.ids import ChannelId, RegionId, RouteName
from foreroute.core.plan import BreakerPolicy, CallPolicy, Route, RoutingPlan, Target, Timeouts
from foreroute.gateway.asgi import Gateway
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.transport import AiohttpTransport
from foreroute.heal.classify import default_classifier
from foreroute.serving import serve_asgi
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer
from foreroute.testing.virtual_loop import VirtualTimeLoop

EPOCH_AT: Final = 1_700_000_000.0
ON_REAL_TIME: Final = {
    "test_llama_index.py",
    "test_adapters.py",
    "test_models.py",
    "test_llm_comply.py",
    "test_llmock.py",
    "test_frameworks.py",
    "test_node.py",
    "test_ray.py",
}
JAVASCRIPT: Final = Path(__file__).parent / "js"
LLAMA_INDEX: Final = Path(__file__).parents[3] / ".clients/llama-index/bin/python"
POLICY: Final = CallPolicy(
    timeouts=Timeouts(connect_s=1.0, first_chunk_s=4.0, stall_s=3.0, total_s=60.0),
    breaker=BreakerPolicy(consecutive_failures_max=20, open_s=1.0),
)
ROUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "gpt-5-fake": ("gpt-a", "gpt-b"),
    "claude-opus-fake": ("claude-a", "claude-b"),
}
"""Named so that llm-comply also asks what it asks of models that reason."""


def pytest_asyncio_loop_factories(config, item):
    if item.path.name in ON_REAL_TIME:
        return {"real": asyncio.SelectorEventLoop}
    return {"virtual": VirtualTimeLoop}


class LoopTime:
    def now(self) -> float:
        return EPOCH_AT + asyncio.get_running_loop().time()

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError


@dataclass
class Attempts:
    all: list[Attempt] = field(default_factory=list)

    def record(self, attempt: Attempt) -> None:
        self.all.append(attempt)


@dataclass
class House:
    """A gateway, its upstreams by name, and its clients. `a` is asked first, `b` when `a` cannot."""

    url: str
    attempts: list[Attempt]
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic
    http: httpx2.AsyncClient
    says: dict[str, Always]
    providers: dict[str, FakeProvider]

    def set(self, names: str, **changes) -> None:
        """What every upstream answers whose name begins so."""
        for name, says in self.says.items():
            if name.startswith(names):
                says.next = replace(says.next, **changes)

    def asked(self, name: str) -> int:
        return self.providers[name].requests_total


BuildGateway = Callable[..., Awaitable[tuple[str, list[Attempt]]]]


@pytest.fixture
async def build_gateway() -> AsyncIterator[BuildGateway]:
    """`await build_gateway({route: channels in order of priority})` serves a gateway: its URL and its attempts."""
    async with AsyncExitStack() as stack:

        async def build(
            routes: Mapping[str, tuple[Channel, ...]], policy: CallPolicy = POLICY
        ) -> tuple[str, list[Attempt]]:
            plan = RoutingPlan(
                version=0,
                made_at=EPOCH_AT,
                valid_until=EPOCH_AT + 1e6,
                routes={RouteName(name): _route(name, channels, policy) for name, channels in routes.items()},
            )
            channels = {channel.id: channel for group in routes.values() for channel in group}
            attempts = Attempts()
            gateway = Gateway(
                GatewaySettings(),
                channels=channels,
                plans=PlanCell(plan),
                sink=attempts,
                transport=AiohttpTransport({name: f"secret-of-{name}" for name in channels}),
                classifier=default_classifier(),
                clock=LoopTime(),
                rng=random.Random(7),
                render_metrics=lambda: b"",
            )
            stack.push_async_callback(gateway.aclose)
            server = await stack.enter_async_context(await serve_asgi(gateway))
            return server.url, attempts.all

        yield build


@pytest.fixture
async def house(build_gateway: BuildGateway) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        says, providers, routes = {}, {}, {}
        for route, names in ROUTES.items():
            group = []
            for name in names:
                says[name] = Always(ProviderAnswer(chunks=("I am ", name, ".")))
                providers[name] = FakeProvider(says[name])
                server = await stack.enter_async_context(await serve_asgi(providers[name]))
                group.append(a_channel(name, f"{server.url}/v1"))
            routes[route] = tuple(group)
        url, attempts = await build_gateway(routes)
        openai = await stack.enter_async_context(
            AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        )
        anthropic = await stack.enter_async_context(
            AsyncAnthropic(base_url=url, api_key="none", max_retries=0)
        )
        http = await stack.enter_async_context(httpx2.AsyncClient(base_url=f"{url}/v1", trust_env=False))
        yield House(url, attempts, openai, anthropic, http, says, providers)


def a_channel(name: str, base_url: str, *, model: str | None = None) -> Channel:
    """Names that begin with `claude` speak Anthropic's dialect."""
    dialect = Dialect.ANTHROPIC if name.startswith("claude") else Dialect.OPENAI
    return Channel(
        id=ChannelId(name),
        provider=dialect.value,
        cloud="local",
        region=RegionId("here"),
        model=model or f"model-of-{name}",
        base_url=base_url,
        dialect=dialect,
    )


def _route(name: str, channels: tuple[Channel, ...], policy: CallPolicy) -> Route:
    targets = tuple(
        Target(channel=channel.id, weight=1.0, priority=place, policy=policy)
        for place, channel in enumerate(channels)
    )
    return Route(name=RouteName(name), targets=targets, attempts_max=3)


Run = Callable[..., Awaitable[Any]]


@pytest.fixture
def run_json() -> Run:
    """`await run_json(program, *arguments)`: what another process printed as JSON; it must end within two minutes."""

    async def run(*command: str, cwd: Path | None = None) -> Any:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        )
        try:
            async with asyncio.timeout(120):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert out.strip(), err.decode()
        return json.loads(out)

    return run


@pytest.fixture
def python() -> str:
    return sys.executable


@pytest.fixture
def node() -> str:
    """Node's program, its packages installed; skips with the reason, or fails where skipping is not allowed."""
    found = shutil.which("node")
    reason = "node is not installed" if found is None else "the JavaScript client is not installed (npm ci)"
    if found is None or not (JAVASCRIPT / "node_modules/openai").exists():
        if os.environ.get("FOREROUTE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
