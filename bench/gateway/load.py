"""The loads on Foreroute, and the rows that come of them."""

from dataclasses import dataclass
from statistics import median
from typing import Final

from bench.gateway.driver import Load, drive, request
from bench.gateway.models import FEW, FEW_CHUNKS, MANY, MANY_CHUNKS, PLAIN, SLOW, Route
from bench.gateway.rows import added_row, memory_row
from bench.gateway.upstream import SPACING_MS
from bench.peers import Serving
from bench.peers.process import cpu_s
from bench.report import Row

_USERS: Final = 50
_TURNS: Final = 3
_LARGE_BYTES: Final = 32 * 1024


@dataclass(slots=True)
class Loads:
    """Runs loads on a gateway and counts what it has answered."""

    serving: Serving
    upstream: int
    seconds: float
    sent: int = 0

    async def through(
        self, route: Route, users: int, *, stream: bool = False, body_bytes: int = 0
    ) -> tuple[Load, float]:
        """The load, and the CPU milliseconds of the serving process while it ran."""
        asked = request(
            route.name, stream=stream, headers=self.serving.headers_for(route.name), body_bytes=body_bytes
        )
        before = cpu_s(self.serving.pid)
        load = await drive(self.serving.port, asked, users, self.seconds)
        self.sent += load.requests
        return load, (cpu_s(self.serving.pid) - before) * 1000.0

    async def direct(self, route: Route, users: int) -> Load:
        """The same, asked of the upstream itself."""
        asked = request(route.name, path=f"/{route.behaviour}/v1")
        return await drive(self.upstream, asked, users, self.seconds)


async def measure(loads: Loads) -> list[Row]:
    await loads.through(PLAIN, 8)  # warm-up: code paths, connections, allocator
    rows = [await _plain(loads), await _large(loads), await _chunks(loads)]
    turns = [
        (await loads.direct(SLOW, _USERS), (await loads.through(SLOW, _USERS))[0]) for _ in range(_TURNS)
    ]
    rows += [added_row(turns, rank, name, _USERS) for rank, name in ((0.50, "p50"), (0.99, "p99"))]
    return [*rows, memory_row(loads.serving.pid)]


async def _plain(loads: Loads) -> Row:
    load, cpu_ms = await loads.through(PLAIN, 8)
    return Row(
        id="gateway.cpu_ms_per_request",
        what="CPU of a plain request",
        value=cpu_ms / load.requests,
        unit="ms",
        how=(
            "cpu per request: user and system time of the serving process (/proc/PID/stat, all threads, control "
            f"loop included) over {load.requests} plain answers to 8 users in a closed loop, upstream without delay."
        ),
    )


async def _large(loads: Loads) -> Row:
    load, cpu_ms = await loads.through(PLAIN, 8, body_bytes=_LARGE_BYTES)
    return Row(
        id="gateway.body_32kb_cpu_ms",
        what="CPU of a plain request with a body of 32 kB",
        value=cpu_ms / load.requests,
        unit="ms",
        how=f"body 32 kB: as cpu per request, {load.requests} requests whose bodies have {_LARGE_BYTES} bytes.",
    )


async def _chunks(loads: Loads) -> Row:
    costs, streams = [], 0
    for _ in range(_TURNS):
        few, few_ms = await loads.through(FEW_CHUNKS, 16, stream=True)
        many, many_ms = await loads.through(MANY_CHUNKS, 16, stream=True)
        costs.append((many_ms / many.requests - few_ms / few.requests) / (MANY - FEW))
        streams += many.requests
    return Row(
        id="gateway.cpu_ms_per_chunk",
        what="CPU of one more chunk in a stream",
        value=median(costs),
        unit="ms",
        how=(
            f"cpu per chunk: CPU per stream of {MANY} chunks minus that of {FEW}, over {MANY - FEW} chunks, each "
            f"{SPACING_MS} ms after the one before, 16 users; the median of {_TURNS} turns of both, "
            f"{streams} long streams in all."
        ),
    )
