"""Takes one gateway through the faults."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.faults.catalogue import PATIENCE_S, Fault
from bench.faults.grade import Cell, Grade, cell_of, texts
from bench.faults.upstream import BAD, GOOD, WARM, Upstream
from bench.peers import Channel, Gateway, Model, Serving
from foreroute.chaos.answer import Answer
from foreroute.chaos.client import ask

_WARM_UPS: Final = 3
_ROUNDS_MAX: Final = 3
_SETTLE_S: Final = 0.05
"""Late calls of the upstream belong to the fault that they were made for."""


async def cells_of(
    gateway: Gateway, faults: Sequence[Fault], upstream: Upstream, folder: Path, *, fresh: bool
) -> dict[str, Cell]:
    """Fault id → what the gateway made of it. Faults that take long run beside the others, each by itself.

    `fresh`: each fault gets a process of its own.
    """
    slow = [[fault] for fault in faults if fault.is_slow]
    lanes = [*slow, [fault for fault in faults if not fault.is_slow]]
    if fresh:
        found = await asyncio.gather(*(_lane(gateway, lane, upstream, folder) for lane in lanes))
    else:
        models = [_model(upstream, name) for name in (WARM, *(fault.id for fault in faults))]
        async with gateway.serve(models, folder) as serving:
            await _warm_up(serving)
            found = await asyncio.gather(*(_faults(serving, lane, upstream) for lane in lanes))
    return {name: cell for cells in found for name, cell in cells.items()}


async def _lane(
    gateway: Gateway, faults: Sequence[Fault], upstream: Upstream, folder: Path
) -> Mapping[str, Cell]:
    """Fault after fault, each with a process of its own."""
    cells: dict[str, Cell] = {}
    for fault in faults:
        room = folder / f"{gateway.name}-{fault.id}"
        room.mkdir()
        can_warm = gateway.models_max is None
        names = (WARM, fault.id) if can_warm else (fault.id,)
        async with gateway.serve([_model(upstream, name) for name in names], room) as serving:
            if can_warm:
                await _warm_up(serving)
            cells |= await _faults(serving, [fault], upstream)
    return cells


async def _warm_up(serving: Serving) -> None:
    """Code paths and connections. Its answers are not looked at: `ok` and `ok_stream` judge sound channels."""
    for stream in (False, True) * _WARM_UPS:
        await _ask(serving, WARM, "warm-up", stream=stream)


async def _faults(serving: Serving, faults: Sequence[Fault], upstream: Upstream) -> Mapping[str, Cell]:
    return {fault.id: await _cell(serving, fault, upstream) for fault in faults}


async def _cell(serving: Serving, fault: Fault, upstream: Upstream) -> Cell:
    """Once more if chance has kept the gateway from the faulty channel."""
    for _ in range(_ROUNDS_MAX):
        upstream.take(fault.id)
        answers = [await _ask(serving, fault.id, text, stream=fault.stream) for text in texts(fault)]
        await asyncio.sleep(_SETTLE_S)
        cell = cell_of(fault, answers, upstream.take(fault.id), BAD)
        if cell.grade is not Grade.UNTESTED:
            break
    return cell


async def _ask(serving: Serving, model: str, text: str, *, stream: bool) -> Answer:
    headers = serving.headers_for(model)
    return await ask(serving.port, model, text, stream=stream, headers=headers, patience_s=PATIENCE_S)


def _model(upstream: Upstream, name: str) -> Model:
    channels = [
        Channel(f"{name}.{channel}", f"http://127.0.0.1:{upstream.ports[name, channel]}/v1")
        for channel in (BAD, GOOD)
    ]
    return Model(name, tuple(channels))
