"""Several processes on one port: counted as one, limited as one, and one that is killed takes nothing with it."""

import asyncio
import json
import os
import re
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.e2e.conftest import HELLO, Place, Serve

from foreroute.testing.fake_provider import Always, ProviderAnswer

PRICE: Any = {"input_usd_per_mtok": 0, "output_usd_per_mtok": 1000}
ANSWER = ProviderAnswer(chunks=("a", "b", "c", "d", "e"), output_tokens=10)
COST_USD = Decimal("0.01")
BODY: Any = {"model": "chat", "messages": HELLO, "max_tokens": 10}


def many(place: Place, **sections: Any) -> None:
    place.configure(loop={"tick": "1s"}, **sections)
    document = json.loads(place.config.read_text())
    document["channels"][0]["price"] = PRICE
    document["gateway"]["workers"] = 2
    place.config.write_text(json.dumps(document))
    place.provider.behaviour = Always(ANSWER)


def children(pid: int) -> list[int]:
    """The processes that serve: those of the parent's children that listen for requests."""
    found = []
    for entry in Path("/proc").iterdir():
        mine = entry.name.isdigit() and f"\nPPid:\t{pid}\n" in _read(entry / "status")
        if mine and "spawn_main" in _read(entry / "cmdline") and _listens(int(entry.name)):
            found.append(int(entry.name))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _listens(pid: int) -> bool:
    targets = (_target(link) for link in _links(pid))
    inodes = {match[1] for target in targets if (match := re.fullmatch(r"socket:\[(\d+)\]", target))}
    lines = [line.split() for line in _read(Path("/proc/net/tcp")).splitlines()[1:]]
    return bool(inodes & {line[9] for line in lines if line[3] == "0A"})


def _links(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has ended meanwhile
        return []


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # closed meanwhile
        return ""


async def ask(server: Serve, count: int, *, key: str = "none", at_once: int = 50) -> Counter[int]:
    """Each request on a connection of its own, so that all workers get some."""
    statuses: Counter[int] = Counter()
    turn = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with turn, httpx2.AsyncClient(trust_env=False, timeout=60.0) as http:
            headers = {"authorization": f"Bearer {key}"}
            answer = await http.post(f"{server.url}/chat/completions", json=BODY, headers=headers)
            statuses[answer.status_code] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one())
    return statuses


async def test_two_workers_serve_count_and_show_as_one(place: Place) -> None:
    many(place)
    async with place.serve() as server:
        await server.until_ready()
        assert len(children(server.pid)) == 2
        assert await ask(server, 60) == {200: 60}
        async with httpx2.AsyncClient(trust_env=False) as http, asyncio.timeout(30.0):
            shown = 0.0
            while shown < 60:
                text = (await http.get(f"{server.url.removesuffix('/v1')}/metrics")).text
                lines = [line for line in text.splitlines() if line.startswith("foreroute_attempts_total")]
                shown = sum(float(line.split()[-1]) for line in lines)
        server.kill(signal.SIGTERM)
        assert await server.end() == 0, server.said
    rows, rolled = place.stored()
    assert len(rows) == rolled == 60
    assert not list(place.store.parent.glob("*.journal/*"))


@pytest.mark.slow
async def test_a_killed_worker_is_replaced_and_nothing_that_was_answered_is_lost(place: Place) -> None:
    many(place)
    async with place.serve() as server:
        await server.until_ready()
        answered = (await ask(server, 40))[200]
        victim = children(server.pid)[0]
        os.kill(victim, signal.SIGKILL)
        await server.until_it_says("worker_died")
        async with asyncio.timeout(60.0):
            while len(children(server.pid)) < 2:
                answered += (await ask(server, 1))[200]
        assert victim not in children(server.pid)
        answered += (await ask(server, 40))[200]
        server.kill(signal.SIGTERM)
        assert await server.end() == 0, server.said
    rows, rolled = place.stored()
    assert len(rows) == rolled == answered >= 80


async def test_a_hard_budget_holds_across_workers(place: Place) -> None:
    many(place, dashboard={"port": 0})
    async with place.serve() as server:
        await server.until_ready()
        dashboard = (await server.until_it_says("dashboard")).split()[-1]
        async with httpx2.AsyncClient(base_url=dashboard, trust_env=False) as http:
            wanted = {"name": "tight", "limits": {"budgets": [{"limit_usd": "0.50", "window": "total"}]}}
            made = await http.post("/api/keys", json=wanted)
            assert made.status_code == 201, made.text
            name, key = made.json()["id"], made.json()["key"]
            async with asyncio.timeout(30.0):
                while (await ask(server, 4, key="wrong"))[401] < 4:
                    pass  # until both workers ask for keys
            statuses = await ask(server, 200, key=key, at_once=200)
            assert set(statuses) <= {200, 429}
            assert 1 <= statuses[200] <= 50
            # A request that was refused while others had their reservations may come again.
            statuses += await ask(server, 60, key=key, at_once=1)
            assert statuses[200] == 50, "all that the budget allows, and not one more"
            assert (await http.get(f"/api/keys/{name}")).status_code == 200
        server.kill(signal.SIGTERM)
        assert await server.end() == 0, server.said
    rows, _ = place.stored()
    assert len(rows) == 50
