"""LiteLLM's proxy without a database: one model group per model name."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bench.peers.environment import python_install, python_version
from bench.peers.kinds import FOLDER, SILENCE_MAX_S, Channel, Model, Serving
from bench.peers.process import Command, free_port, running

_PACKAGE: Final = "litellm"
_VERSION: Final = "1.106.12"
_KEY: Final = "sk-bench-7d41c09e5ab2"
_NEVER_AGAIN: Final = {"DefaultRetries": 0}
"""A fallback of one channel is asked once: retries of the same channel would only make the client wait."""


class LiteLLM:
    name = "litellm"
    models_max: int | None = None
    fresh = False  # cooldowns are per deployment
    settings = (
        "the channels as deployments under one `model_name`, `num_retries: 2`, then `fallbacks` to each channel alone "
        "without retries, simple-shuffle and cooldowns by default, a master key, no database, `timeout` and "
        f"`stream_timeout` {SILENCE_MAX_S} s"
    )

    def version(self) -> str | None:
        return python_version(self.name, _PACKAGE)

    def install(self) -> list[list[str]]:
        return python_install(self.name, f"litellm[proxy]=={_VERSION}")

    @asynccontextmanager
    async def serve(self, models: Sequence[Model], folder: Path) -> AsyncIterator[Serving]:
        port = free_port()
        config = folder / "litellm.yaml"
        config.write_text(json.dumps(document(models)))
        headers = {"authorization": f"Bearer {_KEY}"}
        command = Command(
            argv=[
                str(FOLDER / self.name / "bin" / "litellm"),
                *("--config", str(config), "--host", "127.0.0.1", "--port", str(port)),
                *("--telemetry", "False"),
            ],
            port=port,
            ready="/health/liveliness",
            folder=folder,
            environment={"LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            headers=headers,
        )
        async with running(command) as (pid, ready_s):
            yield Serving(port, pid, ready_s, headers=headers)


def document(models: Sequence[Model]) -> dict[str, Any]:
    """The channels as one group, and each as a group of its own, to which the first falls back in turn."""
    return {
        "model_list": [
            deployment
            for model in models
            for channel in model.channels
            for deployment in (_deployment(model.name, channel), _deployment(channel.id, channel))
        ],
        "router_settings": {
            "num_retries": 2,
            "model_group_retry_policy": {
                channel.id: _NEVER_AGAIN for model in models for channel in model.channels
            },
            "fallbacks": [{model.name: [channel.id for channel in model.channels]} for model in models],
        },
        "general_settings": {"master_key": _KEY},
    }


def _deployment(group: str, channel: Channel) -> dict[str, Any]:
    return {
        "model_name": group,
        "litellm_params": {
            "model": "openai/gpt-4o-mini",
            "api_base": channel.base_url,
            "api_key": f"sk-{channel.id}",
            "timeout": SILENCE_MAX_S,
            "stream_timeout": SILENCE_MAX_S,
        },
        "model_info": {"id": f"{group}/{channel.id}"},
    }
