"""A channel in a process of its own, to be killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Final

_START_S: Final = 20.0


class Served:
    """`python -m foreroute.chaos.served` on one port. Blocks; for a thread of its own."""

    def __init__(self, port: int) -> None:
        self.starts = 0
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it listens. Raises OSError if it does not come up."""
        self._start()

    def start_dying(self) -> None:
        """One that is killed by the first request that it gets."""
        self._start("--die")

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self, *more: str) -> None:
        self.kill()
        self.starts += 1
        command = (sys.executable, "-m", "foreroute.chaos.served", str(self._port), *more)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(command, env=environment)  # noqa: S603 - this program itself, no shell
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self._port), timeout=1.0),
            ):
                return
            time.sleep(0.01)
        raise OSError(f"no channel came up on port {self._port}")
