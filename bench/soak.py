"""Half an hour of everything at once: does memory stay flat, does a descriptor leak, is every request accounted for?

Three processes: providers with faults, `foreroute serve`, and this driver. Loopback only. Not one of the quick
benchmarks: `make bench NAME=soak ARGS="--json"` takes 30 minutes, with `--quick` two.
"""

import asyncio
import json
import multiprocessing
import os
import re
import signal
import sqlite3
import statistics
import sys
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp

from bench.report import Row
from foreroute.serving import serve_asgi
from foreroute.testing.fake_provider import FakeProvider, Fault, ProviderAnswer, ProviderRequest

_RATE: Final = 200.0
_MINUTES, _MINUTES_QUICK = 30.0, 2.0
_SAMPLE_S: Final = 10.0
_CHANNELS: Final = 4
_KEY: Final = "soak-key"
_FAULTS: Final = (
    (0.02, {"status": 500}),
    (0.02, {"status": 429, "retry_after_s": 0.2}),
    (0.02, {"fault": Fault.CUT, "fault_after_chunks": 3}),
    (0.01, {"fault": Fault.HOLLOW_HTML}),
    (0.01, {"fault": Fault.ERROR_EVENT, "fault_after_chunks": 2}),
    (0.005, {"fault": Fault.STALL, "fault_after_chunks": 2}),
)


# The providers ------------------------------------------------------------------------------------------------------


class Moody:
    """Mostly fine, sometimes not, by the request's own name: the same in every run."""

    def __init__(self, number: int) -> None:
        self._number = number

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        rng = Random(f"{self._number}/{request.body.get('user')}")
        fields: dict[str, Any] = {
            "time_to_first_chunk_s": rng.uniform(0.01, 0.08),
            "seconds_per_chunk": rng.uniform(0.002, 0.02),
            "chunks": ("word ",) * rng.randint(3, 30),
        }
        chance = rng.random()
        for part, fault in _FAULTS:
            if chance < part:
                return ProviderAnswer(**{**fields, **fault})
            chance -= part
        return ProviderAnswer(**fields)


def _providers(connection: Connection) -> None:
    async def main() -> None:
        servers = [await serve_asgi(FakeProvider(Moody(number))) for number in range(_CHANNELS)]
        connection.send([server.url for server in servers])
        await asyncio.get_running_loop().run_in_executor(None, connection.poll, None)
        for server in servers:
            await server.aclose()

    asyncio.run(main())


# The driver ---------------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What the users saw."""

    sent: set[str] = field(default_factory=set)
    """Only those whose body was handed over: who lost patience before that has asked nobody anything."""
    unasked: int = 0
    """By the gateway's own count: refused, or left, before any channel was asked. There is no attempt then."""
    unread: int = 0
    """By the gateway's own count: left before the whole body had come. Whether it had been sent nobody knows."""
    ends: Counter[str] = field(default_factory=Counter)
    rss_mb: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    async def on_sent(self, _session: object, context: Any, _sent: object) -> None:
        self.sent.add(context.trace_request_ctx)


async def _drive(url: str, pid: int, seconds: float, seen: Seen) -> None:
    loop, rng = asyncio.get_running_loop(), Random(1)
    connector = aiohttp.TCPConnector(limit=0)
    tracing = aiohttp.TraceConfig()
    tracing.on_request_chunk_sent.append(seen.on_sent)
    headers = {"authorization": f"Bearer {_KEY}"}
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers, trace_configs=[tracing]) as http,
        asyncio.TaskGroup() as group,
    ):
        start_at = loop.time()
        next_sample_at, number = start_at + _SAMPLE_S, 0
        while (now := loop.time()) < start_at + seconds:
            while number < (now - start_at) * _RATE:
                group.create_task(_user(http, url, number, rng.random(), rng.random(), seen))
                number += 1
            if now >= next_sample_at:
                next_sample_at += _SAMPLE_S
                seen.rss_mb.append(_rss_mb(pid))
                seen.files.append(_open_files(pid))
            await asyncio.sleep(0.005)


async def _user(
    http: aiohttp.ClientSession, url: str, number: int, kind: float, mood: float, seen: Seen
) -> None:
    """Two of three want a stream; one in twenty leaves early."""
    name, stream, leaves = f"soak-{number}", kind < 0.66, mood < 0.05
    body = {
        "model": "chat",
        "stream": stream,
        "user": name,
        "messages": [{"role": "user", "content": "Tell me. " * (1 + number % 40)}],
    }
    try:
        async with (
            asyncio.timeout(0.05 if leaves and not stream else 60.0),
            http.post(
                f"{url}/chat/completions", json=body, headers={"x-request-id": name}, trace_request_ctx=name
            ) as response,
        ):
            if leaves and stream:
                await response.content.readany()
                response.close()
                seen.ends["left"] += 1
                return
            text = await response.read()
    except TimeoutError:
        seen.ends["left" if leaves else "timed out"] += 1
        return
    except aiohttp.ClientError as error:
        seen.ends[type(error).__name__] += 1
        return
    if response.status != 200:
        seen.ends[f"{response.status} {json.loads(text)['error']['code']}"] += 1
    elif not stream or b"[DONE]" in text:
        seen.ends["answered"] += 1
    else:
        seen.ends["broken stream, told" if b'"error"' in text else "broken stream, untold"] += 1


# The whole ----------------------------------------------------------------------------------------------------------


def run(*, quick: bool) -> list[Row]:
    minutes = _MINUTES_QUICK if quick else _MINUTES
    ours, theirs = multiprocessing.Pipe()
    providers = multiprocessing.get_context("spawn").Process(target=_providers, args=(theirs,))
    providers.start()
    try:
        with tempfile.TemporaryDirectory(prefix="foreroute-soak-") as folder:
            return asyncio.run(_run(Path(folder), ours.recv(), minutes))
    finally:
        ours.send("end")
        providers.join(10)
        providers.kill()


async def _run(folder: Path, urls: list[str], minutes: float) -> list[Row]:
    config, store = folder / "soak.yaml", folder / "soak.db"
    config.write_text(json.dumps(_document(urls, store)))
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "foreroute", "serve", "--config", str(config)),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SOAK_KEY": _KEY},
    )
    assert gateway.stderr is not None
    said: list[str] = []
    url = None
    while url is None:
        line = (await gateway.stderr.readline()).decode()
        said.append(line)
        if not line:
            raise RuntimeError(f"the gateway did not start: {''.join(said)}")
        if found := re.search(r"OpenAI base URL +(\S+)", line):
            url = found[1]
    draining = asyncio.create_task(gateway.stderr.read())
    seen = Seen()
    try:
        await _drive(url, gateway.pid, minutes * 60.0, seen)
        why = await _unasked(url.removesuffix("/v1"))
        seen.unread = why.pop("unread")
        seen.unasked = sum(why.values())
        gateway.send_signal(signal.SIGTERM)
        await asyncio.wait_for(gateway.wait(), 60.0)
    finally:
        if gateway.returncode is None:
            gateway.kill()
        log = (await draining).decode()
    if "Traceback" in log:
        print(log[-4000:], file=sys.stderr)
    print(dict(seen.ends), file=sys.stderr)
    return _rows(seen, store, minutes, tracebacks=log.count("Traceback"))


async def _unasked(url: str) -> dict[str, int]:
    """Requests by the reason for which no channel was asked for them."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as response:
        text = await response.text()
    found = re.findall(r'^foreroute_requests_unasked\{why="(\w+)"\} (\S+)', text, re.MULTILINE)
    return {why: round(float(count)) for why, count in found}


def _rows(seen: Seen, store: Path, minutes: float, *, tracebacks: int) -> list[Row]:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        named = {name.partition("~")[0] for (name,) in db.execute("SELECT DISTINCT request_id FROM ledger")}
        (booked,) = db.execute("SELECT count(*) FROM ledger").fetchone()
        (rolled,) = db.execute("SELECT coalesce(sum(attempts), 0) FROM rollups").fetchone()
    without_row = len(seen.sent - named)
    missing = max(seen.unasked - without_row, without_row - seen.unasked - seen.unread, 0)
    warm = seen.rss_mb[len(seen.rss_mb) // 3 :]
    third = max(1, len(warm) // 3)
    growth = statistics.median(warm[-third:]) / statistics.median(warm[:third]) - 1.0
    how = (
        f"soak: {minutes:g} minutes at {_RATE:g} requests/s, {len(seen.sent)} requests, two of three streamed, faults in "
        "8.5 % of the attempts, one user in twenty leaves early. "
    )
    return [
        Row(
            id="soak.unaccounted",
            what="requests without a ledger row, and attempts in only one of ledger and rollups",
            value=missing + abs(booked - rolled),
            unit="",
            target="0",
            holds=missing == 0 and booked == rolled,
            baseline=f"{len(seen.sent)} requests, {seen.unasked} of them for which no channel was asked, {seen.unread} left before "
            f"all of the body had come, {booked} attempts",
            how=how,
        ),
        Row(
            id="soak.memory_growth",
            what="resident memory, last third against the one before it after warm-up",
            value=growth,
            unit="",
            target="within ±0.05",
            holds=abs(growth) <= 0.05,
            baseline=f"{statistics.median(warm):.0f} MB",
            how="memory: VmRSS every 10 s; the first third of the run is warm-up; medians of the first and last third after.",
        ),
        Row(
            id="soak.file_growth",
            what="open files at the end against after warm-up (medians)",
            value=statistics.median(seen.files[-third:]) - statistics.median(seen.files[third : 2 * third]),
            unit="",
            target="< 20",
            holds=statistics.median(seen.files[-third:]) - statistics.median(seen.files[third : 2 * third])
            < 20,
            baseline=f"{statistics.median(seen.files):.0f} open",
            how="files: entries of /proc/PID/fd every 10 s, connections of users and channels among them.",
        ),
        Row(
            id="soak.untold",
            what="streams that ended early without a word to the user, and tracebacks in the log",
            value=seen.ends["broken stream, untold"] + tracebacks,
            unit="",
            target="0",
            holds=not seen.ends["broken stream, untold"] and not tracebacks,
            baseline=", ".join(f"{word}: {count}" for word, count in sorted(seen.ends.items())),
            how="untold: streams without [DONE] and without an error event.",
        ),
    ]


def _document(urls: list[str], store: Path) -> dict[str, Any]:
    channels = [
        {
            "id": f"channel-{number}",
            "provider": "openai",
            "region": "here",
            "model": "gpt-4o-mini",
            "base_url": f"{url}/v1",
        }
        for number, url in enumerate(urls)
    ]
    return {
        "autopilot": "act",
        "gateway": {"port": 0, "api_keys": ["${SOAK_KEY}"]},
        "dashboard": {"port": 0},
        "store": {"path": str(store)},
        "timeouts": {"stall": "2s"},
        "channels": channels,
        "routes": [
            {
                "model": "chat",
                "objective": {"metric": "first_chunk_p95", "limit": "500ms"},
                "targets": [{"channel": channel["id"]} for channel in channels],
            }
        ],
        "budgets": [{"name": "monthly", "limit_usd": 9000}],
        "log": {"level": "warning"},
    }


def _rss_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def _open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
