"""One scenario twice: in the simulator, and in real time with real servers and `foreroute serve` on loopback.

The same requests at the same moments meet the same luck; between them stand sockets, the wall clock, a gateway process
with its control loop, and whatever else the machine does. What the simulator says is held against what users measured.
"""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench.peers.process import Command, free_port, running
from bench.report import Row
from bench.twin.pace import Pace
from bench.twin.providers import serve_channels
from bench.twin.users import Users
from foreroute.app.policies import FOREROUTE, entrants
from foreroute.app.simulated_plane import settings_of
from foreroute.core.ids import ChannelId
from foreroute.serving import Server
from foreroute.simulate.compare import Match, play
from foreroute.simulate.compare_contests import contest_of
from foreroute.simulate.compare_figures import Figures, figures, to_row
from foreroute.simulate.upstreams import Upstreams

_HERE: Final = Path(__file__).parent
_SEED: Final = 1
_UNITS: Final = {
    "p50_s": "s",
    "p95_s": "s",
    "p99_s": "s",
    "violations": "ratio",
    "failures": "ratio",
    "attempts": "1",
    "loss_s": "s",
}


def run(*, quick: bool) -> list[Row]:
    name = "scenario_quick.yaml" if quick else "scenario.yaml"
    match = contest_of(str(_HERE / name)).match(_SEED)
    (entrant,) = [one for one in entrants() if one.name == FOREROUTE]
    simulated = play(match, entrant)
    with tempfile.TemporaryDirectory(prefix="foreroute-twin-") as folder:
        measured, users = asyncio.run(_measure(match, Path(folder)))
    how = (
        f"twin: {len(match.scored)} scored requests of {name}, seed {_SEED}, in real time over loopback; the provider servers and "
        f"the users in one process, `foreroute serve` in another. The latest request was sent {users.late_s * 1000:.0f} ms "
        "after its time. Baseline: the same in the simulator. In real time the loop hears of the quiet minute as it happens."
    )
    own, other = to_row(measured), to_row(simulated)
    return [
        Row(
            id=f"twin.{figure}",
            what=f"measured {figure}",
            value=own[figure],
            unit=unit,
            baseline=f"simulated {other[figure]:.4g}",
            how=how,
            cells={"simulated": other[figure], "difference": own[figure] - other[figure]},
        )
        for figure, unit in _UNITS.items()
    ]


async def _measure(match: Match, folder: Path) -> tuple[Figures, Users]:
    pace = Pace(match.start_at)
    known = {request.id: request for request in match.requests}
    servers, behaviours = await serve_channels(Upstreams(match.world), known, pace)
    try:
        port = free_port()
        (folder / "foreroute.yaml").write_text(json.dumps(_document(match, servers, port)))
        command = Command(
            argv=[sys.executable, "-m", "foreroute", "serve", "--config", str(folder / "foreroute.yaml")],
            port=port,
            ready="/health/readiness",
            folder=folder,
            environment={},
            headers={},
        )
        async with running(command):
            users = Users(
                f"http://127.0.0.1:{port}/v1/chat/completions", {"content-type": "application/json"}, pace
            )
            await _full_minute()
            pace.begin()
            await users.send(match.requests)
    finally:
        for server in servers.values():
            await server.aclose()
    if strangers := sum(one.strangers for one in behaviours):
        print(f"twin: {strangers} requests were none of the scenario's", file=sys.stderr)
    return figures([users.waits[request.id] for request in match.scored], match.loss), users


async def _full_minute() -> None:
    """The control loop ticks on full minutes, and so does the simulated one from the start of its world."""
    await asyncio.sleep(60.0 - time.time() % 60.0)


def _document(match: Match, servers: dict[ChannelId, Server], port: int) -> dict[str, Any]:
    """The configuration that the simulated Foreroute has, but for addresses."""
    settings = settings_of(match.spec)
    (route,) = settings.routes
    assert route.objective is not None
    return {
        "autopilot": "act",
        "gateway": {"port": port, "probe": False},
        "dashboard": {"enabled": False},
        "store": {"path": "foreroute.db"},
        "log": {"level": "warning"},
        "channels": [
            {
                "id": channel.id,
                "provider": channel.provider,
                "cloud": channel.cloud,
                "region": channel.region,
                "model": channel.model,
                "base_url": f"{servers[ChannelId(channel.id)].url}/v1",
                "price": {
                    "input_usd_per_mtok": str(channel.price.input_usd_per_mtok),
                    "output_usd_per_mtok": str(channel.price.output_usd_per_mtok),
                },
            }
            for channel in settings.channels
            if channel.price is not None
        ],
        "routes": [
            {
                "model": route.model,
                "objective": {
                    "metric": route.objective.metric.value,
                    "limit": f"{route.objective.limit * 1000:.0f}ms",
                },
                "targets": [{"channel": one.channel, "weight": one.weight} for one in route.targets],
            }
        ],
    }
