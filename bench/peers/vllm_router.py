"""vLLM's router: one pool of workers, which are taken to be alike whatever model is asked for."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.peers.environment import python_install, python_version
from bench.peers.kinds import FOLDER, SILENCE_MAX_S, Model, Serving
from bench.peers.process import Command, free_port, running

_PACKAGE: Final = "vllm-router"
_VERSION: Final = "0.1.17"


class VllmRouter:
    name = "vllm-router"
    models_max: int | None = 1
    fresh = True
    settings = (
        "one worker per channel, `--policy round_robin`, retries and circuit breaker by default, "
        f"`--request-timeout-secs {SILENCE_MAX_S}`"
    )

    def version(self) -> str | None:
        return python_version(self.name, _PACKAGE)

    def install(self) -> list[list[str]]:
        return python_install(self.name, f"{_PACKAGE}=={_VERSION}")

    @asynccontextmanager
    async def serve(self, models: Sequence[Model], folder: Path) -> AsyncIterator[Serving]:
        (model,) = models
        port = free_port()
        workers = [channel.base_url.removesuffix("/v1") for channel in model.channels]
        command = Command(
            argv=[
                str(FOLDER / self.name / "bin" / "vllm-router"),
                *("--host", "127.0.0.1", "--port", str(port), "--prometheus-port", str(free_port())),
                *("--policy", "round_robin", "--request-timeout-secs", str(SILENCE_MAX_S)),
                *("--log-level", "warning", "--worker-urls", *workers),
            ],
            port=port,
            ready="/health",
            folder=folder,
            environment={},
            headers={},
        )
        async with running(command) as (pid, ready_s):
            yield Serving(port, pid, ready_s)
