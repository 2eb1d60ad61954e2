"""The same plain load for several gateways, turn by turn, so that what else the machine does meets all of them."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from bench.gateway.driver import drive, request
from bench.gateway.models import PLAIN
from bench.peers import Gateway, Serving
from bench.peers.process import tree_cpu_s

_USERS: Final = 8
_TURNS: Final = 3


async def side_by_side(
    gateways: Sequence[Gateway], upstream: int, folder: Path, seconds: float
) -> dict[str, list[float]]:
    """Gateway → CPU milliseconds per request of all its processes, turn by turn."""
    costs: dict[str, list[float]] = {gateway.name: [] for gateway in gateways}
    async with AsyncExitStack() as stack:
        running: dict[str, Serving] = {}
        for gateway in gateways:
            room = folder / f"side-{gateway.name}"
            room.mkdir()
            running[gateway.name] = await stack.enter_async_context(
                gateway.serve([PLAIN.model(upstream)], room)
            )
            await _cost_ms(running[gateway.name], seconds / 2.0)  # warm-up
        for _ in range(_TURNS):
            for name, serving in running.items():
                costs[name].append(await _cost_ms(serving, seconds))
    return costs


async def _cost_ms(serving: Serving, seconds: float) -> float:
    asked = request(PLAIN.name, headers=serving.headers_for(PLAIN.name))
    before = tree_cpu_s(serving.pid)
    load = await drive(serving.port, asked, _USERS, seconds)
    return (tree_cpu_s(serving.pid) - before) * 1000.0 / load.requests
