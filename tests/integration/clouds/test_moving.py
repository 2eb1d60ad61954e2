"""Nobody is locked in: a route moves from one cloud to another by one line, and its users notice nothing."""

from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from openai import AsyncOpenAI

from foreroute.app.data_plane import build_data_plane
from foreroute.clock import SystemClock
from foreroute.serving import serve_asgi
from foreroute.settings.load import load_settings
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer

from .guards import AwsGuard, AzureGuard, GcpGuard, Guard, guarded

CONFIGURATION = """
clouds: {file: cloud_providers.yaml}
channels:
  - {id: small, provider: p, region: there, model: m, account: amazon}
routes:
  - {model: chat, targets: [{channel: small}]}
"""
ACCOUNTS = """
aws:
  - name: amazon
    endpoint: {amazon}
    access_key_id: "${{ACCESS:-AKIAEXAMPLE}}"
    secret_access_key: "${{SECRET}}"
    regions: {{there: us-east-1}}
gcp:
  - name: google
    endpoint: {google}
    project: contoso
    credentials_file: account.json
azure:
  - name: microsoft
    resources: {{there: "{microsoft}"}}
    tenant_id: the-tenant
    client_id: the-application
    client_secret: "${{SECRET}}"
    authority: {authority}
"""
MOVES = ("account: amazon", "account: google", "account: microsoft", "account: amazon")


async def test_a_route_moves_by_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "the-secret-of-the-account")
    async with AsyncExitStack() as stack:
        google = stack.enter_context(GcpGuard.open(tmp_path))
        microsoft = stack.enter_context(AzureGuard.open(tmp_path))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(microsoft.certificates))
        amazon = AwsGuard()

        async def cloud(guard: Guard, word: str, prefix: str) -> str:
            provider = FakeProvider(Always(ProviderAnswer(chunks=(word,))), models=("m",))
            server = await serve_asgi(guarded(provider, guard, prefix), "127.0.0.1", 0)
            await stack.enter_async_context(server)
            return server.url

        urls = [
            await cloud(amazon, "Amazon", "/openai"),
            await cloud(google, "Google", "/v1beta1/projects/contoso/locations/there/endpoints/openapi"),
            await cloud(microsoft, "Microsoft", "/openai"),
        ]
        accounts = ACCOUNTS.format(
            amazon=urls[0], google=urls[1], microsoft=urls[2], authority=microsoft.authority
        )
        (tmp_path / "cloud_providers.yaml").write_text(accounts)
        path = tmp_path / "foreroute.yaml"
        path.write_text(CONFIGURATION)
        data = build_data_plane(load_settings(path), clock=SystemClock(), rng=Random(1))
        stack.push_async_callback(data.gateway.aclose)
        gateway = await stack.enter_async_context(await serve_asgi(data.gateway, "127.0.0.1", 0))
        client = await stack.enter_async_context(
            AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="x", max_retries=0)
        )
        heard = []
        for line in MOVES:
            path.write_text(CONFIGURATION.replace("account: amazon", line))
            data.reconfigure(load_settings(path))
            answer = await client.chat.completions.create(
                model="chat", messages=[{"role": "user", "content": "hi"}]
            )
            heard.append(answer.choices[0].message.content)
        assert heard == ["Amazon", "Google", "Microsoft", "Amazon"]
        assert google.desk.given == ["token-1"]
