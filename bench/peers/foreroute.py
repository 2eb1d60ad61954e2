"""Foreroute as its users start it, with everything on."""

import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bench.peers.kinds import SILENCE_MAX_S, Model, Serving
from bench.peers.process import Command, free_port, running

KEY: Final = "sk-bench-7d41c09e5ab2"
_HEDGE: Final = "1s"
STORE: Final = "foreroute.db"


class Foreroute:
    """`silence_max_s` None leaves timeouts and hedging to their defaults."""

    name = "foreroute"
    models_max: int | None = None
    fresh = True  # its retry budget is that of the whole process
    settings = (
        f"defaults, `autopilot: act`, SQLite, a key, a budget, `timeouts: {{first_chunk: {SILENCE_MAX_S}s, "
        f"stall: {SILENCE_MAX_S}s}}`, `hedge_after: {_HEDGE}`; `first_chunk` is for streams, a plain answer has `total` (600 s)"
    )

    def __init__(self, silence_max_s: int | None = SILENCE_MAX_S, *, module: str = "foreroute") -> None:
        """`module` is what Python runs: Foreroute, or something around it."""
        self._silence_max_s = silence_max_s
        self._module = module

    def version(self) -> str | None:
        return version("foreroute")

    @asynccontextmanager
    async def serve(self, models: Sequence[Model], folder: Path) -> AsyncIterator[Serving]:
        port = free_port()
        config = folder / "foreroute.yaml"
        config.write_text(json.dumps(document(models, port, self._silence_max_s)))
        command = Command(
            argv=[sys.executable, "-m", self._module, "serve", "--config", str(config)],
            port=port,
            ready="/health/readiness",
            folder=folder,
            environment={"BENCH_KEY": KEY, "PYTHONPATH": str(Path(__file__).parents[2])},
            headers={},
        )
        async with running(command) as (pid, ready_s):
            yield Serving(port, pid, ready_s, headers={"authorization": f"Bearer {KEY}"})


def document(models: Sequence[Model], port: int, silence_max_s: int | None) -> dict[str, Any]:
    hedge = {} if silence_max_s is None else {"hedge_after": _HEDGE}
    timeouts = {} if silence_max_s is None else dict.fromkeys(("first_chunk", "stall"), f"{silence_max_s}s")
    return {
        "autopilot": "act",
        "gateway": {"port": port, "api_keys": ["${BENCH_KEY}"]},
        "dashboard": {"port": 0},
        "store": {"path": STORE},
        "timeouts": timeouts,
        "channels": [
            {
                "id": channel.id,
                "provider": "openai",
                "region": "here",
                "model": "gpt-4o-mini",
                "base_url": channel.base_url,
                "api_key": "${BENCH_KEY}",
            }
            for model in models
            for channel in model.channels
        ],
        "routes": [
            {
                "model": model.name,
                "objective": {"metric": "latency_p95", "limit": "1s"},
                "targets": [{"channel": channel.id} for channel in model.channels],
                **hedge,
            }
            for model in models
        ],
        "budgets": [{"name": "monthly", "limit_usd": 9000}],
        "log": {"level": "warning"},
    }
