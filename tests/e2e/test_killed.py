"""Killed at any moment, again and again: what was answered is booked once, and what was booked stays."""

import asyncio
import json
import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx2
import pytest
from tests.e2e.conftest import HELLO, Place

from foreroute.testing.fake_provider import Always, ProviderAnswer

KILLS = int(os.environ.get("FOREROUTE_KILLS", "6"))
"""Fifty take some three minutes."""
PICOUSD = 12 * 1_000_000
"""Of one answer: twelve tokens at a dollar a million."""
PRICE: Any = {"input_usd_per_mtok": 0, "output_usd_per_mtok": 1}


@dataclass(frozen=True)
class Books:
    """The ledger against the rollups, read at one instant."""

    attempts: int
    in_minutes: int
    cost: int
    cost_in_minutes: int


def balance(place: Place) -> Books:
    query = (
        "SELECT (SELECT count(*) FROM ledger), (SELECT coalesce(sum(attempts), 0) FROM rollups), "
        "(SELECT coalesce(sum(cost_picousd), 0) FROM ledger), (SELECT coalesce(sum(cost_picousd), 0) FROM rollups)"
    )
    with closing(sqlite3.connect(f"file:{place.store}?mode=ro", uri=True)) as db:
        return Books(*db.execute(query).fetchone())


@pytest.mark.slow
async def test_no_settled_cost_is_lost_or_counted_twice(place: Place) -> None:
    rng, answered = Random(1), set[str]()
    place.configure(loop={"tick": "1s", "fit_workers": 0})
    document = json.loads(place.config.read_text())
    document["channels"][0]["price"] = PRICE
    place.config.write_text(json.dumps(document))
    place.provider.behaviour = Always(ProviderAnswer(chunks=("a",), output_tokens=12))

    for life in range(KILLS):
        async with place.serve() as server:
            await server.until_ready()
            url = server.url
            books = balance(place)
            assert books.attempts == books.in_minutes, "what the last run left is in both, or in neither"
            assert books.cost == books.cost_in_minutes

            async def user(number: int, life: int = life, url: str = url) -> None:
                turn = 0
                async with httpx2.AsyncClient(trust_env=False) as http:
                    while True:
                        name = f"life{life}-user{number}-{turn}"
                        body = {"model": "chat", "messages": HELLO, "stream": turn % 2 == 1}
                        answer = await http.post(
                            f"{url}/chat/completions", json=body, headers={"x-request-id": name}
                        )
                        assert answer.status_code == 200
                        answered.add(name)
                        turn += 1

            users = [asyncio.create_task(user(number)) for number in range(8)]
            await asyncio.sleep(rng.uniform(0.2, 1.8))  # before, in and after a tick
            server.kill(signal.SIGKILL)
            ends = await asyncio.gather(*users, return_exceptions=True)
            assert all(isinstance(end, httpx2.TransportError) for end in ends), ends
            await server.end()
        with closing(sqlite3.connect(f"file:{place.store}?mode=ro", uri=True)) as db:
            assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)

    async with place.serve() as server:
        await server.until_ready()
        server.kill(signal.SIGTERM)
        assert await server.end() == 0, server.said
    with closing(sqlite3.connect(f"file:{place.store}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT request_id, cost_picousd FROM ledger").fetchall()
        (in_hours,) = db.execute("SELECT sum(cost_picousd) FROM spend_hours").fetchone()
        (attempts, in_minutes) = db.execute("SELECT sum(attempts), sum(cost_picousd) FROM rollups").fetchone()
    booked = [name.partition("~")[0] for name, _ in rows]
    assert len(booked) == len(set(booked)), "none twice"
    assert answered <= set(booked), "none lost"
    assert len(answered) > 20 * KILLS
    costs = sum(cost for _, cost in rows if cost is not None)
    assert costs == in_hours == in_minutes
    assert attempts == len(rows)
    assert sum(cost == PICOUSD for _, cost in rows) >= len(answered)
