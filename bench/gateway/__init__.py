"""What the gateway costs and what it adds: a load driver, a fast upstream and `foreroute serve`, three processes.

Loopback only. The driver is this process; the upstream answers from prepared bytes, so that on two cores the
gateway has one for itself. Everything is on: keys, SQLite, control loop, dashboard, prices, budget. Peers that are
installed (`bench/gateway/peers.md`) get the same plain load in turns with it.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from bench.gateway.load import Loads, measure
from bench.gateway.models import FEW_CHUNKS, MANY_CHUNKS, PLAIN, SLOW
from bench.gateway.rows import lost_row, ratio_rows, ready_row
from bench.gateway.side_by_side import side_by_side
from bench.gateway.streams import idle_row
from bench.gateway.upstream import upstream
from bench.peers import Foreroute, installed, missing_note
from bench.report import Row

_SECONDS, _SECONDS_QUICK = 10.0, 1.2
_TURN_S, _TURN_QUICK_S = 5.0, 0.8


def run(*, quick: bool) -> list[Row]:
    if note := missing_note():
        print(note, file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="foreroute-bench-") as folder, upstream() as port:
        return asyncio.run(_run(Path(folder), port, quick=quick))


async def _run(folder: Path, upstream_port: int, *, quick: bool) -> list[Row]:
    gateway = Foreroute(silence_max_s=None)
    models = [route.model(upstream_port) for route in (PLAIN, SLOW, FEW_CHUNKS, MANY_CHUNKS)]
    async with gateway.serve(models, folder) as serving:
        loads = Loads(serving, upstream_port, _SECONDS_QUICK if quick else _SECONDS)
        rows = await measure(loads)
    rows += [ready_row(serving.ready_s), lost_row(loads.sent, folder / "foreroute.db")]
    rows.append(await idle_row(gateway, upstream_port, folder))
    costs = await side_by_side(
        (gateway, *installed()), upstream_port, folder, _TURN_QUICK_S if quick else _TURN_S
    )
    return [*rows, *ratio_rows(gateway.name, costs)]
