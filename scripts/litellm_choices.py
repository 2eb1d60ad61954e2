"""PYTHONPATH=src .peers/litellm/bin/python scripts/litellm_choices.py: is the simulated LiteLLM the real one?

Runs in the peer's own environment (`python -m bench.peers install litellm`). Both are told the same answers and
timeouts; for every choice, the channels between which chance may decide must be the same.
"""

import asyncio
import importlib
import os
import random
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from foreroute.core.ids import ChannelId
from foreroute.simulate.policies.lowest_latency import LowestLatency

_NAMES: Final = tuple(ChannelId(name) for name in "abcd")
_RUNS, _STEPS = 300, 60
_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)


class _Caught:
    """Stands where chance would be, and remembers between what it was to choose."""

    def __init__(self) -> None:
        self.last: Sequence[Any] = ()

    def choice(self, options: Sequence[Any]) -> Any:
        self.last = options
        return options[0]

    def sample(self, items: Sequence[Any], count: int) -> list[Any]:
        return list(items)[:count]


def main() -> int:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    different = sum(_run(random.Random(seed)) for seed in range(_RUNS))
    print(f"choices {_RUNS * _STEPS}, different {different}")
    return 1 if different else 0


def _run(rng: random.Random) -> int:
    litellm: Any = importlib.import_module("litellm")
    strategy: Any = importlib.import_module("litellm.router_strategy.lowest_latency")
    caching: Any = importlib.import_module("litellm.caching.caching")
    theirs = strategy.LowestLatencyLoggingHandler(caching.DualCache(), routing_args={})
    caught, mine, own = _Caught(), _Caught(), LowestLatency()
    strategy.random = caught
    different = 0
    for step in range(_STEPS):
        stream, at = rng.random() < 0.7, float(step)
        healthy = rng.sample(_NAMES, rng.randint(1, 4)) if rng.random() < 0.3 else list(_NAMES)
        theirs.get_available_deployments(
            "g",
            [{"model_info": {"id": name}, "litellm_params": {"api_base": name}} for name in healthy],
            messages=[{"role": "user", "content": "x"}],
            request_kwargs={"stream": stream, "metadata": {}},
        )
        own.choose(healthy, stream=stream, chance=mine, at=at)  # type: ignore[arg-type] # all that it calls is choice
        different += {one[0]["model_info"]["id"] for one in caught.last} != set(mine.last)
        _tell(rng, theirs, own, litellm, at)
    return different


def _tell(rng: random.Random, theirs: Any, own: LowestLatency, litellm: Any, at: float) -> None:
    """One channel's answer, or its timeout, to both."""
    name, stream, tokens = rng.choice(_NAMES), rng.random() < 0.7, rng.randint(1, 300)
    took_s = rng.uniform(0.5, 5.0)
    first_s = rng.uniform(0.1, took_s)
    call = {"litellm_params": {"metadata": {"model_group": "g"}, "model_info": {"id": name}}}
    if rng.random() < 0.05:
        late = {**call, "exception": litellm.Timeout("late", "m", "openai")}
        asyncio.run(theirs.async_log_failure_event(late, None, None, None))
        own.timed_out(name, at)
        return
    types: Any = importlib.import_module("litellm.types.utils")
    usage = types.Usage(prompt_tokens=5, completion_tokens=tokens, total_tokens=5 + tokens)
    said = {**call, "stream": stream, "completion_start_time": _BEGAN + timedelta(seconds=first_s)}
    theirs.log_success_event(
        said, types.ModelResponse(usage=usage), _BEGAN, _BEGAN + timedelta(seconds=took_s)
    )
    own.answered(
        name, duration_s=took_s, first_token_s=first_s if stream else None, output_tokens=tokens, at=at
    )


if __name__ == "__main__":
    sys.exit(main())
