"""What a stream costs that is open and has nothing to say."""

from pathlib import Path
from typing import Final

from bench.gateway.driver import drive, held_open, request
from bench.gateway.models import FEW_CHUNKS, IDLE_STREAM
from bench.peers import Gateway
from bench.peers.process import rss_bytes
from bench.report import Row

_STREAMS: Final = 1000
_WARM_UP_S: Final = 1.0


async def idle_row(gateway: Gateway, upstream: int, folder: Path) -> Row:
    """A fresh process, so that memory which earlier loads have left does not hide the growth."""
    room = folder / "idle"
    room.mkdir()
    models = [route.model(upstream) for route in (FEW_CHUNKS, IDLE_STREAM)]
    async with gateway.serve(models, room) as serving:
        headers = serving.headers_for(IDLE_STREAM.name)
        await drive(serving.port, request(FEW_CHUNKS.name, stream=True, headers=headers), 16, _WARM_UP_S)
        before = rss_bytes(serving.pid)
        async with held_open(serving.port, request(IDLE_STREAM.name, stream=True, headers=headers), _STREAMS):
            grown = rss_bytes(serving.pid) - before
    return Row(
        id="gateway.bytes_per_idle_stream",
        what="memory of an open stream that waits",
        value=grown / _STREAMS,
        unit="bytes",
        how=(
            f"idle stream: growth of VmRSS in a fresh process after {_WARM_UP_S:g} s of short streams, with {_STREAMS} "
            "streams open that have had their first content, each with its connections to client and upstream."
        ),
    )
