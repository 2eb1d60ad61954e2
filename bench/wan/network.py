"""A small internet on one machine: places in network namespaces of their own, joined by links with real delays.

Each place has a TUN device; one process carries packets between them and holds each back for half a round trip. A place
that is cut off loses its packets without a word, as a region does whose links are gone: no reset, no refusal.
Needs root, iproute2 and /dev/net/tun.
"""

import fcntl
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from bench.version import ROOT

_TUN: Final = Path("/dev/net/tun")
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN_NO_PI: Final = 0x1001
_NET: Final = "10.99"
Pair = tuple[str, str]


def missing() -> str | None:
    """Why there can be no such network here; None: there can."""
    if os.geteuid() != 0:
        return "it needs root"
    if shutil.which("ip") is None:
        return "it needs iproute2 (apt-get install iproute2)"
    return None if _TUN.exists() else "it needs /dev/net/tun"


@dataclass(slots=True)
class Network:
    """Places that are up. Names are those that were given; addresses are `10.99.N.1`."""

    places: Sequence[str]
    _prefix: str
    _carrier: "subprocess.Popen[str]"

    def address(self, place: str) -> str:
        return f"{_NET}.{self.places.index(place) + 1}.1"

    def inside(self, place: str) -> list[str]:
        """What a command begins with that runs there."""
        return ["ip", "netns", "exec", f"{self._prefix}-{place}"]

    def cut(self, place: str) -> None:
        """From now on nothing reaches it and nothing leaves it."""
        self._tell("cut", place)

    def mend(self, place: str) -> None:
        self._tell("mend", place)

    def _tell(self, what: str, place: str) -> None:
        channel, answers = self._carrier.stdin, self._carrier.stdout
        assert channel is not None
        assert answers is not None
        channel.write(json.dumps([what, self.places.index(place)]) + "\n")
        channel.flush()
        answers.readline()


@contextmanager
def network(
    places: Sequence[str], round_trip_ms: Mapping[Pair, float], *, seed: int = 1
) -> Iterator[Network]:
    """`round_trip_ms` by pairs, in either order; pairs that are not named are 1 ms apart."""
    prefix = f"frwan{os.getpid() % 10_000}"
    devices = [f"{prefix}t{number}" for number in range(len(places))]
    halves = [
        [
            0.0
            if one == other
            else round_trip_ms.get((one, other), round_trip_ms.get((other, one), 1.0)) / 2000.0
            for other in places
        ]
        for one in places
    ]
    plan = json.dumps({"devices": devices, "halves_s": halves, "seed": seed})
    carrier = subprocess.Popen(
        (sys.executable, "-m", "bench.wan.carrier", plan),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        assert carrier.stdout is not None
        if carrier.stdout.readline().strip() != "ready":
            raise RuntimeError("the carrier of packets did not start")
        for number, place in enumerate(places):
            _settle(f"{prefix}-{place}", devices[number], f"{_NET}.{number + 1}.1")
        yield Network(places, prefix, carrier)
    finally:
        carrier.kill()
        carrier.wait()
        for place in places:
            subprocess.run(("ip", "netns", "del", f"{prefix}-{place}"), check=False, capture_output=True)


def _settle(namespace: str, device: str, address: str) -> None:
    for command in (
        ("ip", "netns", "add", namespace),
        ("ip", "link", "set", device, "netns", namespace),
        ("ip", "-n", namespace, "link", "set", "lo", "up"),
        ("ip", "-n", namespace, "addr", "add", f"{address}/32", "dev", device),
        ("ip", "-n", namespace, "link", "set", device, "up"),
        ("ip", "-n", namespace, "route", "add", f"{_NET}.0.0/16", "dev", device),
    ):
        subprocess.run(command, check=True, capture_output=True)


def open_device(name: str) -> int:
    """A TUN device of this name, as a descriptor that gives and takes whole packets."""
    device = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN_NO_PI))
    return device


class Process:
    """A program in one of the places, ended with it. What it prints goes into a file, or is read line by line."""

    def __init__(
        self, argv: Sequence[str], *, environment: Mapping[str, str], log: Path, out: Path | None = None
    ) -> None:
        self.out = out
        self._log: IO[bytes] = log.open("wb")
        self._out: IO[bytes] | None = None if out is None else out.open("wb")
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE if self._out is None else self._out, stderr=self._log, text=True, cwd=ROOT,
            env=os.environ | dict(environment),
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(10.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()
        if self._out is not None:
            self._out.close()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


def wait_until(is_so: Callable[[], bool], patience_s: float, what: str) -> None:
    """Raises RuntimeError when it takes longer."""
    give_up_at = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"{what} took longer than {patience_s:g} s")
        time.sleep(0.05)
