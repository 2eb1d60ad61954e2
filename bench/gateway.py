"""What the gateway costs and what it adds: a load driver, a fast upstream and `foreroute serve`, three processes.

Loopback only. The driver is this process; the upstream answers from prepared bytes, so that on two cores the
gateway has one for itself. Everything is on: SQLite, control loop, dashboard, prices, budget.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.report import Row

_USERS: Final = 50
_FEW, _MANY = 2, 52
_SPACING_MS: Final = 2
_STAGGER_S: Final = 0.05
_TICKS_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")
_CHANNELS: Final = 3
_READINESS: Final = b"GET /health/readiness HTTP/1.1\r\nhost: bench\r\n\r\n"
_TURNS: Final = 3
_KINDS: Final = {"plain": "0/0", "slow": "50/0", "few": f"0/{_FEW}", "many": f"0/{_MANY}"}
"""Route → milliseconds before the first byte / chunks of a stream (0: a whole answer)."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one load did. Times in milliseconds."""

    requests: int
    times_ms: list[float]

    def quantile(self, rank: float) -> float:
        ordered = sorted(self.times_ms)
        return ordered[min(len(ordered) - 1, int(rank * len(ordered)))]


def run(*, quick: bool) -> list[Row]:
    seconds = 2.5 if quick else 10.0
    with tempfile.TemporaryDirectory(prefix="foreroute-bench-") as folder, _upstream() as upstream:
        store = Path(folder) / "bench.db"
        config = Path(folder) / "bench.yaml"
        config.write_text(json.dumps(_document(upstream, store)))
        with _gateway(config) as (process, port, ready_s):
            rows, sent = _measure(process.pid, port, upstream, seconds)
            rows.append(_memory(process.pid))
        return [*rows, _ready(ready_s), _lost(sent, store)]


def _measure(pid: int, port: int, upstream: int, seconds: float) -> tuple[list[Row], int]:
    """The rows, and how many requests the gateway has answered."""
    sent = 0

    def load(route: str, users: int, at: int = port) -> tuple[Load, float]:
        nonlocal sent
        before = _cpu_s(pid)
        path = "/v1" if at == port else f"/{_KINDS[route]}/v1"
        done = asyncio.run(_drive(at, _request(route, path), users, seconds))
        sent += done.requests if at == port else 0
        return done, (_cpu_s(pid) - before) * 1000.0

    load("plain", 8)  # warm-up: code paths, connections, allocator
    plain, plain_ms = load("plain", 8)
    streams = [(load("few", 16), load("many", 16)) for _ in range(_TURNS)]
    per_chunk = median(
        (many_ms / many.requests - few_ms / few.requests) / (_MANY - _FEW)
        for (few, few_ms), (many, many_ms) in streams
    )
    turns = [(load("slow", _USERS, upstream)[0], load("slow", _USERS)[0]) for _ in range(_TURNS)]
    rows = [
        Row(
            id="gateway.cpu_ms_per_request",
            what="CPU of a plain request",
            value=plain_ms / plain.requests,
            unit="ms",
            how=(
                "cpu per request: user and system time of the serving process (/proc/PID/stat, all threads, control "
                f"loop included) over {plain.requests} plain answers to 8 users in a closed loop, upstream without delay."
            ),
        ),
        Row(
            id="gateway.cpu_ms_per_chunk",
            what="CPU of one more chunk in a stream",
            value=per_chunk,
            unit="ms",
            how=(
                f"cpu per chunk: CPU per stream of {_MANY} chunks minus that of {_FEW}, over {_MANY - _FEW} chunks, each "
                f"{_SPACING_MS} ms after the one before, 16 users; the median of {_TURNS} turns of both, "
                f"{sum(many.requests for _, (many, _) in streams)} long streams in all."
            ),
        ),
    ]
    rows += [_added(turns, rank, name) for rank, name in ((0.50, "p50"), (0.99, "p99"))]
    return rows, sent


def _added(turns: Sequence[tuple[Load, Load]], rank: float, name: str) -> Row:
    direct = median(alone.quantile(rank) for alone, _ in turns)
    return Row(
        id=f"gateway.added_{name}_ms",
        what=f"added latency, {name}",
        value=median(through.quantile(rank) - alone.quantile(rank) for alone, through in turns),
        unit="ms",
        baseline=f"direct {name} {direct:.1f} ms",
        how=(
            f"added latency: {name} of plain answers through the gateway minus that of the upstream asked directly, "
            f"{_USERS} users in a closed loop who start spread over 50 ms, upstream answers after 50 ms; the median of "
            f"{len(turns)} turns of both, {sum(through.requests for _, through in turns)} requests through the gateway."
        ),
    )


def _memory(pid: int) -> Row:
    return Row(
        id="gateway.rss_mb",
        what="resident memory after the load",
        value=_rss_mb(pid),
        unit="MB",
        how="rss: VmRSS of the serving process after all loads, its fit worker apart.",
    )


def _ready(ready_s: float) -> Row:
    return Row(
        id="gateway.ready_s",
        what="from start to the first readiness",
        value=ready_s,
        unit="s",
        how="ready: wall clock from starting `foreroute serve` on an empty store until /health/readiness says 200.",
    )


def _lost(sent: int, store: Path) -> Row:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        (booked,) = db.execute("SELECT count(*) FROM ledger").fetchone()
        (rolled,) = db.execute("SELECT coalesce(sum(attempts), 0) FROM rollups").fetchone()
    return Row(
        id="gateway.lost_attempts",
        what="requests without a ledger row or a rollup",
        value=max(abs(sent - booked), abs(sent - rolled)),
        unit="",
        target="0",
        holds=sent == booked == rolled,
        baseline=f"{sent} requests",
        how="lost: requests that the driver saw answered against ledger rows and rollups in SQLite after SIGTERM.",
    )


# The gateway --------------------------------------------------------------------------------------------------------


def _document(upstream: int, store: Path) -> dict[str, Any]:
    channels = [
        {
            "id": f"{route}-{number}",
            "provider": "openai",
            "region": "here",
            "model": "gpt-4o-mini",
            "base_url": f"http://127.0.0.1:{upstream}/{kind}/v1",
        }
        for route, kind in _KINDS.items()
        for number in range(_CHANNELS)
    ]
    routes = [
        {
            "model": route,
            "objective": {"metric": "latency_p95", "limit": "1s"},
            "targets": [{"channel": f"{route}-{number}"} for number in range(_CHANNELS)],
        }
        for route in _KINDS
    ]
    return {
        "autopilot": "act",
        "gateway": {"port": 0},
        "dashboard": {"port": 0},
        "store": {"path": str(store)},
        "channels": channels,
        "routes": routes,
        "budgets": [{"name": "monthly", "limit_usd": 9000}],
        "log": {"level": "warning"},
    }


@contextmanager
def _gateway(config: Path) -> Iterator[tuple[subprocess.Popen[str], int, float]]:
    """The process, its port, and the seconds until it was ready."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "foreroute", "serve", "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        port = _port_of(process)
        asyncio.run(_drive(port, _READINESS, 1, 0.0))
        yield process, port, time.perf_counter() - started
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _port_of(process: subprocess.Popen[str]) -> int:
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"OpenAI base URL +http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise RuntimeError(f"the gateway did not start: {''.join(said)}")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICKS_S


def _rss_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


# The driver ---------------------------------------------------------------------------------------------------------


def _request(route: str, path: str = "/v1") -> bytes:
    body = json.dumps(
        {
            "model": route,
            "stream": route in ("few", "many"),
            "messages": [{"role": "user", "content": "Say something short. " * 10}],
        },
        separators=(",", ":"),
    ).encode()
    head = f"POST {path}/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body


async def _drive(port: int, request: bytes, users: int, seconds: float) -> Load:
    """`users` connections, each of which asks again as soon as it is answered, for so long. At least once each.

    They begin one after the other: people do not ask in chorus.
    """
    loop = asyncio.get_running_loop()
    end_at = loop.time() + seconds
    times: list[float] = []

    async def user(number: int) -> None:
        await asyncio.sleep(_STAGGER_S * number / users)
        _, connection = await loop.create_connection(_Caller, "127.0.0.1", port)
        try:
            while True:
                start_at = loop.time()
                await connection.ask(request)
                times.append((loop.time() - start_at) * 1000.0)
                if loop.time() >= end_at:
                    return
        finally:
            connection.close()

    async with asyncio.TaskGroup() as group:
        for number in range(users):
            group.create_task(user(number))
    return Load(len(times), times)


class _Caller(asyncio.Protocol):
    """One keep-alive connection. Raises on anything but a whole 200."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[None] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def ask(self, request: bytes) -> None:
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or self._answered is None:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._fail(RuntimeError(self._buffer[:300].decode(errors="replace")))
        length = re.search(rb"(?i)content-length: (\d+)", head)
        whole = len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")
        if whole:
            self._buffer = b""
            if not self._answered.done():
                self._answered.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the connection ended early"))

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)


# The upstream -------------------------------------------------------------------------------------------------------


@contextmanager
def _upstream() -> Iterator[int]:
    """The port of an upstream in a process of its own."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve_upstream, args=(theirs,), daemon=True)
    process.start()
    try:
        yield int(mine.recv())
    finally:
        process.terminate()
        process.join()


def _serve_upstream(ready: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0, backlog=1024)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(serve())


def _head(content_type: str, rest: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{rest}\r\n\r\n".encode()


def _chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def _event(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    payload = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


_USAGE: Final = {"prompt_tokens": 50, "completion_tokens": 60, "total_tokens": 110}
_MESSAGE: Final = {"role": "assistant", "content": "Something short. " * 12, "refusal": None}
_WHOLE: Final = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": _MESSAGE, "logprobs": None, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
).encode()
_PLAIN: Final = _head("application/json", f"content-length: {len(_WHOLE)}") + _WHOLE
_OPENING: Final = _head("text/event-stream", "transfer-encoding: chunked")
_CHUNK: Final = _chunked(_event({"content": " word"}))
_CLOSING: Final = _chunked(_event({}, "stop") + b"data: [DONE]\n\n") + b"0\r\n\r\n"


class _Upstream(asyncio.Protocol):
    """Answers `/DELAY_MS/CHUNKS/v1/…` from prepared bytes; without chunks a whole answer."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._buffer = b""
        _, delay_ms, chunks, _ = head.split(b" ", 2)[1].split(b"/", 3)
        loop = asyncio.get_running_loop()
        if not int(chunks):
            loop.call_later(int(delay_ms) / 1000.0, self._write, _PLAIN)
            return
        self._write(_OPENING)
        for number in range(int(chunks)):
            loop.call_later((number * _SPACING_MS + int(delay_ms)) / 1000.0, self._write, _CHUNK)
        loop.call_later((int(chunks) * _SPACING_MS + int(delay_ms)) / 1000.0, self._write, _CLOSING)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
