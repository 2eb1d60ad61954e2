"""Where the gateway's time goes: the plain load of NAME=gateway, while a timer in the gateway looks what it is doing."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Final

from bench.gateway.load import Loads
from bench.gateway.models import PLAIN
from bench.gateway.upstream import upstream
from bench.peers import Foreroute
from bench.report import Row

_SECONDS, _SECONDS_QUICK = 20.0, 4.0
_USERS: Final = 8


def run(*, quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="foreroute-bench-") as folder, upstream() as port:
        return asyncio.run(_run(Path(folder), port, _SECONDS_QUICK if quick else _SECONDS))


async def _run(folder: Path, upstream_port: int, seconds: float) -> list[Row]:
    gateway = Foreroute(silence_max_s=None, module="bench.gateway.sampled")
    async with gateway.serve([PLAIN.model(upstream_port)], folder) as serving:
        loads = Loads(serving, upstream_port, seconds)
        load, _ = await loads.through(PLAIN, _USERS)
    found = json.loads((folder / "profile.json").read_text())
    used: dict[str, float] = found["cpu_s"]
    rows = [
        Row(
            id=f"profile.thread.{name}",
            what=f"processor time of {name}",
            value=cpu_s / sum(used.values()),
            unit="ratio",
            how=f"threads: of {sum(used.values()):.1f} s that {load.requests} plain requests of {_USERS} users took.",
        )
        for name, cpu_s in sorted(used.items(), key=lambda item: -item[1])
    ]
    looks = sum(found["parts"].values())
    how = f"parts: {looks} looks by processor time, start included; the innermost known part on the gateway's stack."
    return rows + [
        Row(
            id=f"profile.part.{part.replace(' ', '_')}", what=part, value=count / looks, unit="ratio", how=how
        )
        for part, count in sorted(found["parts"].items(), key=lambda item: -item[1])
    ]
