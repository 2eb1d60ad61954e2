"""Starts a gateway, waits until it is ready, counts what it uses, and ends it."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICK_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")
_READY_WITHIN_S: Final = 90.0
_END_WITHIN_S: Final = 20.0
_NO_PROXY: Final = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How a gateway is started."""

    argv: Sequence[str]
    port: int
    ready: str
    """A path that answers 200 once requests will be served."""
    folder: Path
    """Its working folder, which also gets its log."""
    environment: Mapping[str, str]
    """On top of the benchmark's own."""
    headers: Mapping[str, str]
    """Sent with the question whether it is ready."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(command: Command) -> AsyncIterator[tuple[int, float]]:
    """Its process id, and the seconds from its start until it was ready."""
    log = command.folder / f"gateway-{command.port}.log"
    began = time.perf_counter()
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            cwd=command.folder,
            env={**os.environ, **_NO_PROXY, **command.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while not await _answers(command):
            if process.returncode is not None or time.perf_counter() - began > _READY_WITHIN_S:
                said = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{command.argv[0]} did not start: {said}")
            await asyncio.sleep(0.02)
        yield process.pid, time.perf_counter() - began
    finally:
        await _end(process)


async def _answers(command: Command) -> bool:
    head = "".join(f"{name}: {value}\r\n" for name, value in command.headers.items())
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", command.port)
            try:
                request = (
                    f"GET {command.ready} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{head}\r\n"
                )
                writer.write(request.encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def _end(process: asyncio.subprocess.Process) -> None:
    """Politely, then with force; what it has started goes with it."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _END_WITHIN_S)
    except TimeoutError:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def cpu_s(pid: int) -> float:
    """User and system time of one process, all its threads."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def tree_cpu_s(leader: int) -> float:
    """The same of every process in the session that this one leads, those it has waited for included."""
    total = sum(int(field) for field in _stat(leader)[13:15]) * _TICK_S
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                fields = _stat(int(folder.name))
                if int(fields[3]) == leader:
                    total += (int(fields[11]) + int(fields[12])) * _TICK_S
    return total


def rss_bytes(pid: int) -> int:
    """Resident memory of one process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def _stat(pid: int) -> list[str]:
    """`/proc/PID/stat` from the state on: the name before it may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
