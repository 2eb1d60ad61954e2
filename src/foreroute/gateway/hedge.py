"""Two attempts at once: when the first is slow to say anything, a second one runs beside it (Dean & Barroso 2013)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from foreroute.gateway.dialogue import Dialogue, Failure
from foreroute.gateway.ports import UpstreamRequest

Second = Callable[[], Awaitable[tuple[Dialogue, UpstreamRequest] | None]]


@dataclass(slots=True)
class Race:
    """`winner` has something for the client; None: all have failed. Every dialogue but the winner's is settled."""

    winner: Dialogue | None = None
    failures: list[Failure] = field(default_factory=list)


async def race(first: Dialogue, call: UpstreamRequest, after_s: float, second: Second, result: Race) -> None:
    """`second` begins another attempt when the first has said nothing after a while, or says that there is none.

    `result` is filled in as things happen, so that it is right even if the race itself is called off.
    """
    running = {asyncio.ensure_future(first.reach(call)): first}
    try:
        done, _ = await asyncio.wait(running, timeout=after_s)
        if not done and (hedge := await second()) is not None:
            running[asyncio.ensure_future(hedge[0].reach(hedge[1]))] = hedge[0]
        while running and result.winner is None:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                dialogue = running[task]
                failure = task.result()  # raises what is nobody's failure but ours: all are called off
                if failure is None and result.winner is None:
                    result.winner = dialogue
                    del running[task]
                elif failure is not None:
                    result.failures.append(failure)
                    del running[task]
                    await dialogue.aclose()
    finally:
        await _call_off(running, result.winner)


async def _call_off(running: dict[asyncio.Task[Failure | None], Dialogue], winner: Dialogue | None) -> None:
    """Whoever else is called off here must not keep an attempt from being recorded, so that comes first."""
    for task, dialogue in running.items():
        task.cancel()
        dialogue.lose(winner)
        dialogue.settle()
    if running:
        await asyncio.gather(*running, return_exceptions=True)
        for dialogue in running.values():
            await dialogue.aclose()
