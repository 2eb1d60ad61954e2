"""Killed while models are fitted, scored and stored: what serves next is whole, and the books still balance."""

import asyncio
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from tests.e2e.conftest import END_S, HELLO, Place, client_of

from foreroute.core.ids import ChannelId
from foreroute.core.rollup import LatencySummary, Rollup
from foreroute.forecast.model_folder import ModelFolder
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore

KILLS = int(os.environ.get("FOREROUTE_KILLS", "2"))
"""Fifty take half an hour."""
MODEL = ("lightgbm", "first_chunk_p95")
TICK_S = 20.0
STEPS = 30 * 180


async def put_history(place: Place, rng: Random) -> None:
    """Thirty hours of a second channel, up to now: noise around a level, so that a model of it beats the last value."""
    end_at = time.time() // TICK_S * TICK_S
    rollups = [
        Rollup(
            channel=ChannelId("past"),
            window_start=end_at - TICK_S * (STEPS - number),
            source="elsewhere",
            window_s=TICK_S,
            attempts=1,
            successes=1,
            first_chunk=LatencySummary(count=1, p95_s=0.3 * rng.lognormvariate(0.0, 0.4)),
        )
        for number in range(STEPS)
    ]
    store = await SqliteStore.open(place.store, merge_rollups)
    await store.rollups.append(rollups)
    await store.close()


def configure(place: Place, models: Path) -> None:
    first = {"id": "only", "provider": "openai", "region": "here", "model": "m", "base_url": place.base_url}
    retrain = {"history": "30h", "history_min": "1d", "held_out": "2h", "folder": str(models), "keep": 3}
    place.configure(
        loop={"tick": "20s", "fit_workers": 1, "horizon": "5m"},
        forecast={"models": ["lightgbm", "ets"], "horizons": ["1m", "5m"], "retrain": retrain},
        channels=[first, {**first, "id": "past"}],
        routes=[
            {
                "model": "chat",
                "targets": [{"channel": "only"}],
                "objective": {"metric": "first_chunk_p95", "limit": "2s"},
            },
            {
                "model": "old",
                "targets": [{"channel": "past"}],
                "objective": {"metric": "first_chunk_p95", "limit": "2s"},
            },
        ],
    )


def moment_s(rng: Random, at: float) -> float:
    """From now until the kill: while the model is being fitted, or when its result is taken in, at the second tick."""
    second = TICK_S - at % TICK_S + TICK_S
    return rng.choice([rng.uniform(0.0, second), second + rng.uniform(0.0, 0.2)])


def balanced(place: Place) -> bool:
    """Whether the ledger and the rollups tell of as many attempts of the channel that answers."""
    query = (
        "SELECT (SELECT count(*) FROM ledger), "
        "(SELECT coalesce(sum(attempts), 0) FROM rollups WHERE channel = 'only')"
    )
    with closing(sqlite3.connect(f"file:{place.store}?mode=ro", uri=True)) as db:
        booked, rolled = db.execute(query).fetchone()
    return bool(booked == rolled)


@pytest.mark.slow
async def test_no_half_written_model_serves_and_no_minute_is_lost(place: Place, tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="the extra `ml` is not installed")
    rng, folder = Random(1), ModelFolder(tmp_path / "models", keep=3)
    configure(place, tmp_path / "models")
    stored = answered = 0
    await put_history(place, rng)

    async def ask(client) -> None:
        nonlocal answered
        while True:
            await client.chat.completions.create(model="chat", messages=HELLO)
            answered += 1

    for life in range(KILLS + 1):
        last = life == KILLS
        while next(
            folder.candidates(*MODEL), None
        ):  # without one that serves, the next that is good is promoted
            folder.rollback(*MODEL)
        async with place.serve() as server, asyncio.TaskGroup() as group:
            await server.until_ready()
            async with client_of(server) as client:
                user = group.create_task(ask(client))
                if life == 0 or last:
                    await server.until_it_says("model_promoted", within_s=4 * END_S)
                else:
                    await asyncio.sleep(moment_s(rng, time.time()))
                user.cancel()
                server.kill(signal.SIGTERM if last else signal.SIGKILL)
                await server.end()
        assert "Traceback" not in server.said
        assert "model_refused" not in server.said
        assert "learnt_state_unusable" not in server.said
        versions = folder.versions(*MODEL)
        assert [one.problem for one in versions if one.problem] == []
        stored = max([stored, *(one.number for one in versions)])
        with closing(sqlite3.connect(f"file:{place.store}?mode=ro", uri=True)) as db:
            assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert balanced(place)
    assert stored >= 2, "the first and the last life stored one"
    assert answered > KILLS
    assert next(folder.candidates(*MODEL)).manifest.version == stored, "and the newest serves"
