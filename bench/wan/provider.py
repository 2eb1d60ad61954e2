"""python -m bench.wan.provider ADDRESS PORT DELAY_MS: a provider in a region, until it is told to end."""

import asyncio
import signal
import sys

from foreroute.serving import serve_asgi
from foreroute.testing.fake_provider import Always, FakeProvider, ProviderAnswer


async def main() -> None:
    address, port, delay_ms = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    answer = ProviderAnswer(time_to_first_chunk_s=delay_ms / 1000.0, chunks=("Hello", " there", "."))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with await serve_asgi(FakeProvider(Always(answer), models=("m",)), address, port):
        print("ready", flush=True)
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
