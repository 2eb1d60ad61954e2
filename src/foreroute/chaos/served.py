"""python -m foreroute.chaos.served PORT [--die]: a sound channel; with `--die` the first request kills it."""

import asyncio
import os
import signal
import sys

from foreroute.chaos.acts import sound
from foreroute.chaos.exchange import Exchange
from foreroute.chaos.station import read_request


async def main(port: int, *, dies: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)
            await sound(Exchange(writer), request)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), dies="--die" in sys.argv))
