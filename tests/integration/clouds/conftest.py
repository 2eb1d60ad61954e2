"""Clouds as far as the gateway sees them: servers on loopback that let nobody in without the cloud's own proof.

What signs and what fetches tokens are the clouds' own kits; what checks them here is not the gateway's code.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from openai import AsyncOpenAI

from foreroute.app.data_plane import DataPlane, build_data_plane
from foreroute.clock import SystemClock
from foreroute.serving import serve_asgi
from foreroute.settings.load import load_settings
from foreroute.settings.model import Settings
from foreroute.testing.fake_provider import Always, FakeProvider

from .guards import AwsGuard, AzureGuard, GcpGuard, Guard, KeyGuard, TokenGuard, guarded


@dataclass
class House:
    """A gateway before one channel of a cloud and a spare one."""

    client: AsyncOpenAI
    data: DataPlane
    settings: Settings

    async def ask(self, **more: Any) -> str:
        answer = await self.client.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "hi"}], **more
        )
        return answer.choices[0].message.content or ""


OpenHouse = Callable[..., Any]


@pytest.fixture(params=["plain", "aws", "aws_key", "gcp", "azure", "azure_key"])
def guard(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guard]:
    yield from made(request.param, tmp_path, monkeypatch)


@pytest.fixture(params=["gcp", "azure"])
def token_guard(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TokenGuard]:
    for guard in made(request.param, tmp_path, monkeypatch):
        assert isinstance(guard, GcpGuard | AzureGuard)
        yield guard


def made(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guard]:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SECRET", "the-secret-of-the-account")
    match kind:
        case "plain":
            yield KeyGuard("authorization", "Bearer the-secret-of-the-account", "")
        case "aws":
            yield AwsGuard()
        case "aws_key":
            yield KeyGuard(
                "authorization",
                "Bearer the-secret-of-the-account",
                "aws: [{name: there, api_key: '${SECRET}'}]",
            )
        case "gcp":
            with GcpGuard.open(tmp_path) as guard:
                yield guard
        case "azure":
            with AzureGuard.open(tmp_path) as azure:
                monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.certificates))
                yield azure
        case "azure_key":
            yield KeyGuard(
                "api-key",
                "the-secret-of-the-account",
                "azure: [{name: there, resources: {there: contoso}, api_key: '${SECRET}'}]",
            )


@pytest.fixture
def open_house(tmp_path: Path) -> OpenHouse:
    @asynccontextmanager
    async def opened(guard: Guard, behaviour: Always | None = None) -> AsyncIterator[House]:
        async with AsyncExitStack() as stack:
            there = FakeProvider(behaviour or Always(), models=("m",))
            upstream = await stack.enter_async_context(
                await serve_asgi(guarded(there, guard), "127.0.0.1", 0)
            )
            spare = await stack.enter_async_context(
                await serve_asgi(FakeProvider(Always(), models=("m",)), "127.0.0.1", 0)
            )
            text = configuration(guard, upstream.url, spare.url)
            (tmp_path / "foreroute.yaml").write_text(text)
            (tmp_path / "cloud_providers.yaml").write_text(guard.accounts or "aws: []\n")
            settings = load_settings(tmp_path / "foreroute.yaml")
            data = build_data_plane(settings, clock=SystemClock(), rng=Random(1))
            stack.push_async_callback(data.gateway.aclose)
            gateway = await stack.enter_async_context(await serve_asgi(data.gateway, "127.0.0.1", 0))
            client = AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="of-the-client", max_retries=0)
            stack.push_async_callback(client.close)
            yield House(client, data, settings)

    return opened


def configuration(guard: Guard, upstream: str, spare: str) -> str:
    proof = "account: there" if guard.accounts else "api_key: '${SECRET}'"
    return f"""
clouds: {{file: cloud_providers.yaml}}
channels:
  - {{id: cloud, provider: p, region: there, model: m, base_url: "{upstream}/openai/v1", {proof}}}
  - {{id: spare, provider: p, region: here, model: m, base_url: "{spare}/v1"}}
routes:
  - {{model: chat, targets: [{{channel: cloud}}, {{channel: spare, priority: 1}}]}}
"""
