"""python -m bench.wan.users URL PER_SECOND: users of one place, who come at a steady pace whatever becomes of the others.

A line of JSON for each request when it has ended: `[started, first byte, end, status, channel]` in seconds of the machine's
monotonic clock; first byte null when none came. Ends when stdin does.
"""

import asyncio
import json
import sys
import time
from typing import Final

import aiohttp

_BODY: Final = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "stream": True}
_PATIENCE_S: Final = 30.0


async def main() -> None:
    url, every_s = sys.argv[1], 1.0 / float(sys.argv[2])
    loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()
    gone = loop.run_in_executor(None, sys.stdin.read)
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        due = loop.time()
        while not gone.done():
            task = loop.create_task(_ask(session, url))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            due += every_s
            await asyncio.sleep(max(0.0, due - loop.time()))
        await asyncio.gather(*tasks)


async def _ask(session: aiohttp.ClientSession, url: str) -> None:
    started, first, status, channel = time.monotonic(), None, 0, ""
    try:
        async with session.post(url, json=_BODY) as answer:
            status, channel = answer.status, answer.headers.get("x-foreroute-channel", "")
            whole = b""
            async for part in answer.content.iter_any():
                if first is None:
                    first = time.monotonic()
                whole += part
            if status == 200 and b"[DONE]" not in whole:
                status = -1
    except (aiohttp.ClientError, TimeoutError, OSError):
        status = -1
    print(json.dumps([started, first, time.monotonic(), status, channel]), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
