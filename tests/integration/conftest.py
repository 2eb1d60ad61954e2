"""A whole house on real loopback sockets and virtual time: providers, gateway, and a control plane on its own thread."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from foreroute.app.control_plane import ControlOptions, ControlPlane, open_store, save_leftovers
from foreroute.app.data_plane import DataPlane, build_data_plane
from foreroute.control.thread import ControlThread
from foreroute.serving import serve_asgi
from foreroute.settings import Settings, parse_settings
from foreroute.testing.fake_provider import Behaviour, FakeProvider
from foreroute.testing.virtual_loop import LoopClock, VirtualTimeLoop

EPOCH_AT = 1_772_442_000.0
"""A whole minute."""


@dataclass(frozen=True)
class Counts:
    """Attempts, counted in three places, and the rollups' own kinds of them."""

    gateway: int
    rollups: int
    ledger: int
    successes: int
    failures: int
    throttles: int
    ignored: int


@dataclass
class Control:
    """A running control plane."""

    plane: ControlPlane
    thread: ControlThread
    loop: VirtualTimeLoop

    @property
    def ticks(self) -> int:
        assert self.plane.loop is not None
        return self.plane.loop.ticks

    async def end(self) -> None:
        self.thread.kill()
        assert await standing_still(self.loop, self.thread.join, 20.0)


@dataclass
class House:
    loop: VirtualTimeLoop
    settings: Settings
    data: DataPlane
    url: str
    http: aiohttp.ClientSession
    providers: Mapping[str, FakeProvider]
    stack: AsyncExitStack

    def now(self) -> float:
        return EPOCH_AT + self.loop.time()

    async def start_control(self, source: str) -> Control:
        clock = LoopClock(self.loop, epoch_at=EPOCH_AT)
        options = ControlOptions(source=source, wait_for_fits=True, headless=True)
        plane = ControlPlane(self.settings, self.data, clock, options)
        control = Control(plane, ControlThread(plane.main, on_exit=clock.leave), self.loop)
        clock.start()
        control.thread.start()
        await standing_still(self.loop, plane.ready.wait)
        assert plane.loop is not None, control.thread.error
        self.stack.push_async_callback(control.end)
        return control

    async def count(self, control: Control) -> Counts:
        """After the last control plane has ended: takes what the gateway recorded since, and counts everything."""
        assert control.plane.stages is not None
        await save_leftovers(self.settings, control.plane.stages)
        store = await open_store(self.settings)
        try:
            rollups = await store.rollups.read(start_at=0.0, end_at=1e12)
            spend = await store.ledger.spend(start_at=0.0, end_at=1e12)
        finally:
            await store.close()
        return Counts(
            gateway=self.data.gateway.attempts_total,
            rollups=sum(rollup.attempts for rollup in rollups),
            ledger=sum(one.attempts for one in spend.values()),
            successes=sum(rollup.successes for rollup in rollups),
            failures=sum(rollup.failures_total for rollup in rollups),
            throttles=sum(rollup.throttles for rollup in rollups),
            ignored=sum(rollup.ignored for rollup in rollups),
        )


async def standing_still(loop: VirtualTimeLoop, wait: Callable[..., bool], *arguments: float) -> bool:
    """Waits for another thread without letting virtual time run on meanwhile."""
    hold = loop.hold()
    hold.take()
    try:
        return await asyncio.to_thread(wait, *arguments)
    finally:
        hold.release()


OpenHouse = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
def open_house(tmp_path: Path) -> OpenHouse:
    """`async with open_house(loop, behaviours, sections)`: one channel and provider for each behaviour, equal weights."""

    @asynccontextmanager
    async def opened(
        loop: VirtualTimeLoop,
        behaviours: Mapping[str, Behaviour],
        sections: Mapping[str, Any] | None = None,
        regions: Mapping[str, str] | None = None,
        limits: Mapping[str, Mapping[str, int]] | None = None,
    ) -> AsyncIterator[House]:
        async with AsyncExitStack() as stack:
            providers = {name: FakeProvider(behaviour) for name, behaviour in behaviours.items()}
            urls = {}
            for name, provider in providers.items():
                server = await stack.enter_async_context(await serve_asgi(provider))
                urls[name] = f"{server.url}/v1"
            settings = _settings(urls, tmp_path / "house.db", sections or {}, regions or {}, limits or {})
            clock = LoopClock(loop, epoch_at=EPOCH_AT)
            data = build_data_plane(settings, clock=clock, rng=Random(1))
            stack.push_async_callback(data.gateway.aclose)
            server = await stack.enter_async_context(await serve_asgi(data.gateway))
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=600)
            http = await stack.enter_async_context(
                aiohttp.ClientSession(
                    f"{server.url}/", connector=connector, timeout=aiohttp.ClientTimeout(None)
                )
            )
            yield House(loop, settings, data, server.url, http, providers, stack)

    return opened


def _settings(
    urls: Mapping[str, str],
    store: Path,
    sections: Mapping[str, Any],
    regions: Mapping[str, str],
    limits: Mapping[str, Any],
) -> Settings:
    document = {
        "autopilot": "act",
        "gateway": {"port": 0},
        "dashboard": {"enabled": False},
        "store": {"path": str(store)},
        "channels": [
            {
                "id": name,
                "provider": "openai",
                "region": regions.get(name, "here"),
                "model": "gpt-4o-mini",
                "base_url": url,
                "limits": limits.get(name, {}),
            }
            for name, url in urls.items()
        ],
        "routes": [
            {
                "model": "chat",
                "objective": {"metric": "first_chunk_p95", "limit": "900ms"},
                "targets": [{"channel": name} for name in urls],
            }
        ],
        **sections,
    }
    return parse_settings(json.dumps(document).encode(), name="test", environment={})


Each = Callable[[int], Awaitable[None]]


@pytest.fixture
def at_pace() -> Callable[..., Awaitable[None]]:
    """`await at_pace(each, count, every_s)` starts `each(0)`, `each(1)`, … at a steady pace; returns when all ended."""

    async def run(each: Each, count: int, every_s: float) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                await asyncio.sleep(max(0.0, start + number * every_s - loop.time()))
                group.create_task(_one(each, number))

    return run


async def _one(each: Each, number: int) -> None:
    await each(number)
