"""Two attempts at once: when the first is slow to say anything, a second one runs beside it (Dean & Barroso 2013)."""

import asyncio
from collections.abc import Callable

from foreroute.gateway.dialogue import Dialogue, Failure
from foreroute.gateway.ports import UpstreamRequest

Second = Callable[[], tuple[Dialogue, UpstreamRequest] | None]


async def race(
    first: Dialogue, call: UpstreamRequest, after_s: float, second: Second
) -> tuple[Dialogue, Failure | None]:
    """The dialogue that has something for the client first, or the last one to fail. All others are closed.

    `second` begins another attempt, or says that there shall be none.
    """
    running = {asyncio.ensure_future(first.reach(call)): first}
    try:
        done, _ = await asyncio.wait(running, timeout=after_s)
        if not done and (hedge := second()) is not None:
            running[asyncio.ensure_future(hedge[0].reach(hedge[1]))] = hedge[0]
        while True:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                dialogue, failure = running.pop(task), task.result()
                if failure is None or not running:
                    return dialogue, failure
                await dialogue.aclose()
    finally:
        await _call_off(running)


async def _call_off(running: dict[asyncio.Task[Failure | None], Dialogue]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for dialogue in running.values():
        dialogue.lose()
        await dialogue.aclose()
