"""Three gateway processes and one Redis: a hard budget for all of them, and three hundred requests at once."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from tests.redis_house import RedisServer, free_port, redis_server

from foreroute.app.prices import price_book
from foreroute.core.attempt import Usage
from foreroute.serving import serve_asgi
from foreroute.settings.convert import channels_of
from foreroute.settings.load import parse_settings
from foreroute.testing.fake_provider import FakeProvider, ProviderAnswer, ProviderRequest

pytestmark = [pytest.mark.service("redis"), pytest.mark.slow]
GATEWAYS, AT_ONCE, OUTPUT_TOKENS = 3, 300, 12
LIMIT_USD = Decimal("0.0009")
"""About a third of what they ask for."""


class Slow:
    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        return ProviderAnswer(time_to_first_chunk_s=0.5, chunks=("word ",) * OUTPUT_TOKENS)


def config(provider: str, store: Path, port: int, redis: str, workers: int = 1) -> bytes:
    return json.dumps(
        {
            "gateway": {"port": port, "probe": False, "workers": workers},
            "dashboard": {"enabled": False},
            "loop": {"fit_workers": 0},
            "store": {"path": str(store)},
            "shared": {"redis": {"url": redis, "timeout": "1s"}},
            "budgets": [
                {
                    "name": "tight",
                    "window": "total",
                    "hard_limit_usd": str(LIMIT_USD),
                    "at_limit": "402",
                    "pace": False,
                }
            ],
            "channels": [
                {
                    "id": "one",
                    "provider": "openai",
                    "region": "here",
                    "model": "gpt-4o-mini",
                    "base_url": provider,
                }
            ],
            "routes": [{"model": "chat", "targets": [{"channel": "one"}]}],
        }
    ).encode()


@contextmanager
def gateway(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "foreroute", "serve", "--config", str(path)]
    log = path.with_suffix(".log")
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=path.parent, env=dict(os.environ))
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60.0)


async def ready(http: aiohttp.ClientSession, url: str, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(120.0):
        while True:
            assert process.poll() is None, "it has ended"
            try:
                async with http.get(f"{url}/health/readiness") as response:
                    if await response.json() == {"status": "ready", "shared": "up"}:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def metric(http: aiohttp.ClientSession, url: str, name: str) -> float:
    async with http.get(f"{url}/metrics") as response:
        text = await response.text()
    found = [line.split()[-1] for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(found[0]) if found else -1.0


async def told(http: aiohttp.ClientSession, url: str) -> None:
    while True:
        if not await metric(http, url, "foreroute_shared_due"):
            return
        await asyncio.sleep(0.05)


async def reaches(http: aiohttp.ClientSession, url: str, name: str, value: float) -> None:
    async with asyncio.timeout(60.0):
        while True:
            try:
                if await metric(http, url, name) == value:
                    return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


def in_ledger(stores: list[Path]) -> Decimal:
    pico = 0
    for store in stores:
        with closing(sqlite3.connect(store)) as db:
            unpriced, found = db.execute(
                "SELECT count(*) FILTER (WHERE cost_picousd IS NULL), coalesce(sum(cost_picousd), 0) FROM ledger"
            ).fetchone()
            assert unpriced == 0
            pico += found
    return Decimal(pico) / 10**12


async def test_a_hard_budget_of_three_processes_is_overspent_by_no_more_than_one_reservation(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        server: RedisServer = stack.enter_context(redis_server(tmp_path / "redis"))
        provider = FakeProvider(Slow())
        async with (
            await serve_asgi(provider) as upstream,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        ):
            stores, urls = [], []
            ends: Counter[int] = Counter()
            with ExitStack() as running:
                processes = []
                for number in range(GATEWAYS):
                    path, port = tmp_path / f"gateway{number}.json", free_port()
                    stores.append(tmp_path / f"gateway{number}.db")
                    path.write_bytes(config(f"{upstream.url}/v1", stores[-1], port, server.url))
                    processes.append(running.enter_context(gateway(path)))
                    urls.append(f"http://127.0.0.1:{port}")
                for url, process in zip(urls, processes, strict=True):
                    await ready(http, url, process)

                async def ask(number: int) -> None:
                    body = {
                        "model": "chat",
                        "max_tokens": OUTPUT_TOKENS,
                        "messages": [{"role": "user", "content": "Hello?"}],
                    }
                    url = f"{urls[number % GATEWAYS]}/v1/chat/completions"
                    async with http.post(url, json=body) as response:
                        await response.read()
                        ends[response.status] += 1

                async with asyncio.TaskGroup() as group:
                    for number in range(AT_ONCE):
                        group.create_task(ask(number))
                async with asyncio.timeout(30.0):
                    for url in urls:
                        await told(http, url)
                for number in range(AT_ONCE):  # what was only held is free again: use it up, one by one
                    await ask(number)
                degraded = sum([await metric(http, url, "foreroute_shared_degraded") for url in urls])
                await asyncio.to_thread(running.close)
            settings = parse_settings(
                config(f"{upstream.url}/v1", stores[0], 1, server.url), name="test", environment={}
            )
            reserved = price_book(settings).cost_usd(
                channels_of(settings)[0], Usage(50, output_tokens=OUTPUT_TOKENS), 0.0
            )
            assert reserved.cost_usd is not None
            spent = in_ledger(stores)
            print(f"{dict(ends)} spent {spent} of {LIMIT_USD}, reservation {reserved.cost_usd}, {degraded=}")
            assert set(ends) <= {200, 402, 503}
            assert ends[503] == degraded, "whoever could not be counted was refused"
            assert ends[402] > 0, "the budget was for fewer"
            assert spent <= LIMIT_USD + reserved.cost_usd
            assert spent > LIMIT_USD * Decimal("0.8"), "and it can be used up"


async def test_workers_of_one_gateway_are_replicas_and_say_when_it_is_lost(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as server:
        path, port = tmp_path / "gateway.json", free_port()
        path.write_bytes(config("http://127.0.0.1:9/v1", tmp_path / "g.db", port, server.url, workers=2))
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as http:
            with gateway(path) as process:
                await ready(http, url, process)
                await reaches(http, url, "foreroute_shared_replicas", 2.0)
                await reaches(http, url, "foreroute_shared_up", 1.0)
                server.kill()
                await reaches(http, url, "foreroute_shared_up", 0.0)
                server.start()
                await reaches(http, url, "foreroute_shared_up", 1.0)
