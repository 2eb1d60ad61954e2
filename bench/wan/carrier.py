"""python -m bench.wan.carrier PLAN: carries packets between TUN devices, each after half a round trip.

Lines on stdin: `["cut", N]`, `["mend", N]`; each is answered by a line when it is done.
"""

import contextlib
import heapq
import json
import os
import random
import selectors
import sys
import time
from typing import Final

from bench.wan.network import open_device

_PACKET_BYTES: Final = 65_536
_JITTER: Final = 0.02
"""Of a link's delay, half normal: the tail of a good network."""
_VERSION_4: Final = 4


def main() -> None:
    plan = json.loads(sys.argv[1])
    devices = [open_device(name) for name in plan["devices"]]
    halves, rng = plan["halves_s"], random.Random(plan["seed"])
    cut: set[int] = set()
    waiting: list[tuple[float, int, int, bytes]] = []
    number = 0
    chooser = selectors.DefaultSelector()
    for place, device in enumerate(devices):
        chooser.register(device, selectors.EVENT_READ, place)
    os.set_blocking(0, False)
    chooser.register(0, selectors.EVENT_READ, None)
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, target, packet = heapq.heappop(waiting)
            if target not in cut:
                with contextlib.suppress(OSError):  # the namespace is going, or its queue is full
                    os.write(devices[target], packet)
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for key, _ in chooser.select(timeout):
            if key.data is None:
                if not _obey(cut):
                    return
                continue
            for packet in _packets(key.fd):
                target = packet[18] - 1
                if (
                    packet[0] >> 4 != _VERSION_4
                    or key.data in cut
                    or target in cut
                    or not 0 <= target < len(devices)
                ):
                    continue
                half = halves[key.data][target]
                number += 1
                due = time.monotonic() + half * (1.0 + abs(rng.gauss(0.0, _JITTER)))
                heapq.heappush(waiting, (due, number, target, packet))


def _packets(device: int) -> list[bytes]:
    found: list[bytes] = []
    with contextlib.suppress(BlockingIOError):
        while len(found) < 64:
            found.append(os.read(device, _PACKET_BYTES))
    return found


def _obey(cut: set[int]) -> bool:
    """False: whoever started this is gone."""
    text = os.read(0, _PACKET_BYTES).decode()
    if not text:
        return False
    for line in text.splitlines():
        what, place = json.loads(line)
        (cut.add if what == "cut" else cut.discard)(place)
        print("done", flush=True)
    return True


if __name__ == "__main__":
    main()
