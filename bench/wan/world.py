"""The places, how far they are apart, and what runs in them."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.version import ROOT
from bench.wan.network import Network, Pair, Process, wait_until

REGIONS: Final = ("us-east-1", "eu-west-1", "ap-northeast-1")
PROVIDER_MS: Final = 100.0
"""Until its first chunk."""
_NEAR_MS: Final = 4.0
_FAR_MS: Final[Mapping[Pair, float]] = {
    ("us-east-1", "eu-west-1"): 70.0,
    ("us-east-1", "ap-northeast-1"): 149.0,
    ("eu-west-1", "ap-northeast-1"): 201.0,
}
"""Medians over a year between AWS's regions, milliseconds (cloudping.co, 2025)."""
_PORT: Final = 8080


def far_ms(one: str, other: str) -> float:
    return _FAR_MS.get((one, other)) or _FAR_MS.get((other, one)) or _NEAR_MS


ROUND_TRIP_MS: Final[dict[Pair, float]] = {
    (f"{a}-{one}", f"{b}-{other}"): far_ms(one, other)
    for one in REGIONS
    for other in REGIONS
    for a in "gp"
    for b in "gp"
}


@dataclass(frozen=True, slots=True)
class Place:
    region: str
    port: int


def serve(stack: ExitStack, net: Network, region: str, folder: Path) -> Place:
    """A provider in the region and a gateway a few milliseconds away from it; ready when this returns."""
    home, there = f"g-{region}", f"p-{region}"
    provider = [
        *net.inside(there),
        sys.executable,
        "-m",
        "bench.wan.provider",
        net.address(there),
        "9000",
        str(PROVIDER_MS),
    ]
    started = stack.enter_context(Process(provider, environment={}, log=folder / f"{there}.log"))
    if started.line().strip() != "ready":
        raise RuntimeError(
            f"the provider in {region} did not start: {(folder / f'{there}.log').read_text()[-400:]}"
        )
    config = folder / f"{home}.json"
    config.write_text(json.dumps(_configuration(net, region, folder)))
    argv = [*net.inside(home), sys.executable, "-m", "foreroute", "serve", "--config", str(config)]
    environment = {"PYTHONPATH": f"{ROOT}/src:{ROOT}", "OMP_NUM_THREADS": "1"}
    stack.enter_context(Process(argv, environment=environment, log=folder / f"{home}.log"))
    wait_until(lambda: _is_ready(net, home), 60.0, f"the gateway in {region}")
    return Place(region, _PORT)


def _is_ready(net: Network, home: str) -> bool:
    code = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{_PORT}/health/readiness', timeout=2)"
    return (
        subprocess.run(
            [*net.inside(home), sys.executable, "-c", code], check=False, capture_output=True
        ).returncode
        == 0
    )


def _configuration(net: Network, region: str, folder: Path) -> dict[str, Any]:
    """As an operator would write it: nothing is tuned for this benchmark."""
    return {
        "autopilot": "act",
        "gateway": {"port": _PORT, "region": region},
        "dashboard": {"enabled": False},
        "store": {"path": str(folder / f"{region}.db")},
        "regions": [
            {
                "name": one,
                "round_trip": {other: f"{far_ms(one, other):g}ms" for other in REGIONS if other != one},
            }
            for one in REGIONS
        ],
        "channels": [
            {
                "id": one,
                "provider": "openai",
                "region": one,
                "model": "m",
                "base_url": f"http://{net.address(f'p-{one}')}:9000/v1",
                "price": {"input_usd_per_mtok": 0.15, "output_usd_per_mtok": 0.6},
            }
            for one in REGIONS
        ],
        "routes": [
            {
                "model": "chat",
                "prefer": "nearest",
                "objective": {"metric": "first_chunk_p95", "limit": "1s"},
                "targets": [{"channel": one} for one in REGIONS],
            }
        ],
    }
