"""Three continents on one machine: how near users are served, and how soon they are served elsewhere when a region is gone.

`make bench NAME=wan` takes some twelve minutes and needs root (network namespaces). In each of three places a gateway with
everything on and its users; a few milliseconds away a region with a provider, the other regions a real round trip away
(medians of a year between AWS's regions). A region is lost by dropping every packet from and to it: nobody is told.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.report import Row
from bench.wan.measure import Loss, Seen, failover_rows, latency_rows, read_users
from bench.wan.network import Network, Process, missing, network
from bench.wan.world import PROVIDER_MS, REGIONS, ROUND_TRIP_MS, Place, serve

_WARM_S, _CALM_S, _OUT_S, _BACK_S = 15.0, 60.0, 7.0, 14.0
_LOSSES, _QUICK_LOSSES = 30, 3
_RATE: Final = 20.0


def run(*, quick: bool) -> list[Row]:
    if why := missing():
        print(f"wan: not measured: {why}", file=sys.stderr)
        return []
    names = [place for region in REGIONS for place in (f"g-{region}", f"p-{region}")]
    with tempfile.TemporaryDirectory(prefix="foreroute-wan-") as folder, ExitStack() as stack:
        net = stack.enter_context(network(names, ROUND_TRIP_MS))
        places = [serve(stack, net, region, Path(folder)) for region in REGIONS]
        direct = _direct(stack, net, Path(folder), 5.0 if quick else 15.0)
        users = [_users(stack, net, place, Path(folder)) for place in places]
        time.sleep(_WARM_S / 3 if quick else _WARM_S)
        calm_at = time.monotonic()
        time.sleep(_CALM_S / 4 if quick else _CALM_S)
        calm = (calm_at, time.monotonic())
        losses = _lose(net, _QUICK_LOSSES if quick else _LOSSES)
        seen = {place.region: read_users(process) for place, process in zip(places, users, strict=True)}
    return [*latency_rows(seen, direct, calm), *failover_rows(seen, losses, _OUT_S)]


def _direct(stack: ExitStack, net: Network, folder: Path, seconds: float) -> dict[str, list[Seen]]:
    """The same requests without a gateway, to the region that is nearest."""
    found = {}
    for region in REGIONS:
        url = f"http://{net.address(f'p-{region}')}:9000/v1/chat/completions"
        argv = [*net.inside(f"g-{region}"), sys.executable, "-m", "bench.wan.users", url, str(_RATE)]
        process = stack.enter_context(
            Process(
                argv,
                environment={},
                log=folder / f"direct-{region}.log",
                out=folder / f"direct-{region}.jsonl",
            )
        )
        time.sleep(seconds)
        found[region] = read_users(process)
    return found


def _users(stack: ExitStack, net: Network, place: Place, folder: Path) -> Process:
    url = f"http://127.0.0.1:{place.port}/v1/chat/completions"
    argv = [*net.inside(f"g-{place.region}"), sys.executable, "-m", "bench.wan.users", url, str(_RATE)]
    return stack.enter_context(
        Process(
            argv,
            environment={},
            log=folder / f"users-{place.region}.log",
            out=folder / f"users-{place.region}.jsonl",
        )
    )


def _lose(net: Network, count: int) -> Sequence[Loss]:
    losses = []
    for number in range(count):
        region = REGIONS[number % len(REGIONS)]
        net.cut(f"p-{region}")
        cut_at = time.monotonic()
        time.sleep(_OUT_S)
        net.mend(f"p-{region}")
        losses.append(Loss(region, cut_at, time.monotonic()))
        time.sleep(_BACK_S)
        print(f"wan: {number + 1} of {count} losses", file=sys.stderr)
    return losses


__all__ = ["PROVIDER_MS", "run"]
