"""A fake provider on a loopback socket, with the official clients in front of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx2
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from foreroute.serving import serve_asgi
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer, ProviderRequest
from foreroute.testing.virtual_loop import VirtualTimeLoop


def pytest_asyncio_loop_factories(config, item):
    """Virtual time, except where another process takes part."""
    return (
        {"real": asyncio.SelectorEventLoop}
        if item.path.name == "test_fake_suites.py"
        else {"virtual": VirtualTimeLoop}
    )


@dataclass
class Fake:
    provider: FakeProvider
    says: Always
    url: str
    http: httpx2.AsyncClient
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic

    def set(self, **changes) -> None:
        self.says.next = replace(self.says.next, **changes)

    @property
    def last(self) -> ProviderRequest:
        return self.provider.received[-1]


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    says = Always(ProviderAnswer(chunks=("I am", " the", " fake.")))
    provider = FakeProvider(says)
    async with (
        await serve_asgi(provider) as server,
        httpx2.AsyncClient(base_url=f"{server.url}/v1", trust_env=False, timeout=5.0) as http,
        AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as openai,
        AsyncAnthropic(base_url=server.url, api_key="none", max_retries=0) as anthropic,
    ):
        yield Fake(provider, says, server.url, http, openai, anthropic)
