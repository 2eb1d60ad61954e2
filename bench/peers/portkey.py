"""Portkey's open-source gateway: stateless, the routing comes with each request."""

import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bench.peers.kinds import FOLDER, SILENCE_MAX_S, Channel, Model, Serving
from bench.peers.process import Command, free_port, running

_VERSION: Final = "1.15.2"
_SERVER_VERSION: Final = "1.14.1"
"""Of @hono/node-server. With the newest that its package allows, every stream is answered with 500."""
_PACKAGE: Final = Path("node_modules", "@portkey-ai", "gateway")


class Portkey:
    name = "portkey"
    models_max: int | None = None
    fresh = False  # it keeps no state
    settings = (
        "a config header: `loadbalance` over the orders of the channels, each a `fallback` on any failure, "
        f"`request_timeout` {SILENCE_MAX_S} s; no `retry`, which would ask the same channel again before the next"
    )

    def version(self) -> str | None:
        manifest = FOLDER / self.name / _PACKAGE / "package.json"
        if shutil.which("node") is None or not manifest.exists():
            return None
        return str(json.loads(manifest.read_text())["version"])

    def install(self) -> list[list[str]]:
        manifest = {
            "private": True,
            "dependencies": {"@portkey-ai/gateway": _VERSION},
            "overrides": {"@hono/node-server": _SERVER_VERSION},
        }
        write = f"mkdir -p {self.name} && printf '%s' '{json.dumps(manifest)}' > {self.name}/package.json"
        return [
            ["sh", "-c", write],
            ["npm", "install", "--prefix", self.name, "--ignore-scripts", "--no-audit", "--no-fund"],
        ]

    @asynccontextmanager
    async def serve(self, models: Sequence[Model], folder: Path) -> AsyncIterator[Serving]:
        port = free_port()
        server = FOLDER / self.name / _PACKAGE / "build" / "start-server.js"
        command = Command(
            argv=["node", str(server), "--headless", f"--port={port}"],
            port=port,
            ready="/",
            folder=folder,
            environment={"NODE_ENV": "production"},
            headers={},
        )
        headers_of = {model.name: {"x-portkey-config": json.dumps(document(model))} for model in models}
        async with running(command) as (pid, ready_s):
            yield Serving(port, pid, ready_s, headers_of=headers_of)


def document(model: Model) -> dict[str, Any]:
    """Each channel is first as often as any other, and the rest stand behind it."""
    channels = model.channels
    orders = [channels[first:] + channels[:first] for first in range(len(channels))]
    return {
        "strategy": {"mode": "loadbalance"},
        "targets": [
            {"strategy": {"mode": "fallback"}, "targets": [_target(channel) for channel in order]}
            for order in orders
        ],
    }


def _target(channel: Channel) -> dict[str, Any]:
    return {
        "provider": "openai",
        "api_key": f"sk-{channel.id}",
        "custom_host": channel.base_url,
        "request_timeout": SILENCE_MAX_S * 1000,
    }
