"""Raw bytes against a real listener on loopback, in real time: what no client library would send."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from foreroute.app.data_plane import DataPlane, build_data_plane
from foreroute.clock import SystemClock
from foreroute.serving import Patience, serve_asgi
from foreroute.settings import Settings, parse_settings
from foreroute.testing.fake_provider import Always, Behaviour, FakeProvider


@dataclass
class Front:
    """A gateway with one provider behind it."""

    port: int
    data: DataPlane
    provider: FakeProvider
    settings: Settings

    async def say(self, *parts: bytes, wait_s: float = 5.0) -> bytes:
        """Everything that comes back on one connection until the gateway closes it or is silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            return await _all(reader, wait_s)
        except ConnectionError:
            return b""
        finally:
            writer.close()


async def _all(reader: asyncio.StreamReader, wait_s: float) -> bytes:
    got = b""
    try:
        while part := await asyncio.wait_for(reader.read(65536), wait_s):
            got += part
            wait_s = 0.3
    except (TimeoutError, ConnectionError):
        pass
    return got


OpenFront = Callable[..., Awaitable[Front]]


def request(
    body: bytes = b"", *headers: bytes, path: bytes = b"/v1/chat/completions", method: bytes = b"POST"
) -> bytes:
    head = [
        method + b" " + path + b" HTTP/1.1",
        b"host: gateway",
        b"content-type: application/json",
        *headers,
    ]
    if body:
        head.append(b"content-length: %d" % len(body))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def chat(text: str = "hello", **more: Any) -> bytes:
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": text}], **more}).encode()


def document(url: str, store: Path, sections: Mapping[str, Any]) -> bytes:
    gateway = {"port": 0, "probe": False, **sections.get("gateway", {})}
    rest = {name: value for name, value in sections.items() if name != "gateway"}
    return json.dumps(
        {
            "gateway": gateway,
            "dashboard": {"enabled": False},
            "store": {"path": str(store)},
            "channels": [
                {"id": "a", "provider": "p", "region": "here", "model": "m", "base_url": url},
            ],
            "routes": [{"model": "chat", "targets": [{"channel": "a"}], "attempts_max": 1}],
            **rest,
        }
    ).encode()


@pytest.fixture
async def open_front(tmp_path: Path) -> AsyncIterator[OpenFront]:
    """`await open_front(behaviour, sections, patience=…)`."""
    async with AsyncExitStack() as stack:

        async def opened(
            behaviour: Behaviour | None = None,
            sections: Mapping[str, Any] | None = None,
            environment: Mapping[str, str] | None = None,
            patience: Patience | None = None,
        ) -> Front:
            provider = FakeProvider(behaviour or Always())
            upstream = await stack.enter_async_context(await serve_asgi(provider))
            raw = document(f"{upstream.url}/v1", tmp_path / "house.db", sections or {})
            settings = parse_settings(raw, name="test", environment=environment or {})
            data = build_data_plane(settings, clock=SystemClock(), rng=Random(1))
            stack.push_async_callback(data.gateway.aclose)
            server = await stack.enter_async_context(
                await serve_asgi(data.gateway, patience=patience or Patience())
            )
            return Front(server.port, data, provider, settings)

        yield opened
