"""A third party's verdict on the fake provider: llm-comply, against the vendors' own specifications."""

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from foreroute.serving import serve_asgi
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer

FORMATS = {
    "openai-chat": (),
    "open-responses": (),
    "anthropic": ("--auth-header", "x-api-key", "--no-bearer", "-H", "anthropic-version:2023-06-01"),
}


async def comply(url: str, form: str) -> dict[str, Any]:
    command = (
        sys.executable,
        "-m",
        "llm_comply.cli",
        "--format",
        form,
        *FORMATS[form],
        "--json",
        "--timeout",
        "20",
    )
    process = await asyncio.create_subprocess_exec(
        *command,
        *("-u", url, "-k", "none", "-m", "gpt-5-and-claude-opus"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    assert out, err.decode()
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize("form", FORMATS)
async def test_it_complies(form):
    provider = FakeProvider(Always(ProviderAnswer(reasoning_tokens=2)))
    async with await serve_asgi(provider) as server:
        found = await comply(f"{server.url}/v1", form)
    print(json.dumps(found, indent=1))
    assert found["summary"]["total"] > 8
    assert [one for one in found["results"] if one["status"] != "passed"] == []
