"""Killed at any moment, again and again: every run of a playbook is verified or rolled back, exactly once.

What was done outside is counted by a server of its own, which knows nothing of the journal.
"""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from aiohttp import web
from tests.playbook_house import ended_once

from foreroute.control.playbooks.codec import read_run
from foreroute.core.playbook_ports import KeptRun
from foreroute.core.playbook_run import PlaybookRun, RunState, StepState

KILLS = int(os.environ.get("FOREROUTE_PLAYBOOK_KILLS", "4"))
"""A hundred take some four minutes."""
LIFE_S = 1.2
"""The longest life of a process: on a quiet machine, some three runs."""
ROOT = Path(__file__).parents[2]


@dataclass
class Effects:
    """Has each effect once for each key, as whoever knows idempotency keys does; counts every call all the same."""

    rng: Random
    calls: Counter[str] = field(default_factory=Counter)
    effects: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        key = request.headers["idempotency-key"]
        await asyncio.sleep(self.rng.uniform(0.0, 0.03))
        self.calls[key] += 1
        if self.calls[key] == 1:
            self.effects.append(key)
        await asyncio.sleep(self.rng.uniform(0.0, 0.03))
        return web.Response(status=200)


def runs_in(store: Path) -> list[PlaybookRun]:
    query = (
        "SELECT id, playbook, revision, started_at, open_until, body FROM playbook_runs ORDER BY started_at"
    )
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        rows = db.execute(query).fetchall()
    found = [
        read_run(KeptRun(id=a, playbook=b, revision=c, started_at=d, open_until=e, body=f))
        for a, b, c, d, e, f in rows
    ]
    assert None not in found
    return [run for run in found if run is not None]


@pytest.mark.slow
async def test_every_run_ends_exactly_once_whenever_the_process_is_killed(tmp_path: Path) -> None:
    rng, store = Random(int(os.environ.get("FOREROUTE_SEED", "1"))), tmp_path / "store.db"
    effects, began = Effects(rng), time.time()
    app = web.Application()
    app.router.add_post("/{tail:.*}", effects.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    url, caught = f"http://{host}:{port}", Counter[str]()
    nursery = await _nursery(store, url, began)
    try:
        for _ in range(KILLS):
            pid = await _life(nursery, "run")
            await asyncio.sleep(rng.uniform(0.0, LIFE_S))
            os.kill(pid, signal.SIGKILL)
            assert await _said(nursery, "gone") == -signal.SIGKILL
            caught.update(_open_question(run) for run in runs_in(store) if not run.is_over)
        await _life(nursery, "drain")
        assert await _said(nursery, "gone") == 0
    finally:
        nursery.kill()
        await nursery.wait()
        await runner.cleanup()

    runs = runs_in(store)
    print(
        f"\n{KILLS} kills, {len(runs)} runs: {Counter(run.state.value for run in runs)}; caught at: {dict(caught)}"
    )
    print(f"calls {effects.calls.total()}, effects {len(effects.effects)}")
    assert runs
    assert {run.state for run in runs} <= {RunState.VERIFIED, RunState.ROLLED_BACK}
    assert all(ended_once(run.notes) for run in runs)
    _check_effects(runs, effects)


async def _nursery(store: Path, url: str, began: float) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("playbook_process.py")),
        str(store),
        url,
        str(began),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )


async def _life(nursery: asyncio.subprocess.Process, what: str) -> int:
    """Its process id, once it has taken up what the last one has left."""
    assert nursery.stdin is not None
    nursery.stdin.write(f"{what}\n".encode())
    await nursery.stdin.drain()
    pid = await _said(nursery, "pid")
    await _said(nursery, "ready")
    return pid


async def _said(nursery: asyncio.subprocess.Process, word: str) -> int:
    assert nursery.stdout is not None
    line = (await asyncio.wait_for(nursery.stdout.readline(), 120.0)).decode().split()
    assert line[:1] == [word]
    return int(line[1]) if len(line) > 1 else 0


def _open_question(run: PlaybookRun) -> str:
    asked = next((s.id for s in run.steps if s.state in (StepState.ASKED, StepState.UNDOING)), None)
    return run.state.value if asked is None else f"{run.state.value} {asked}"


def _check_effects(runs: list[PlaybookRun], effects: Effects) -> None:
    known = {step.key: (run, step) for run in runs for step in run.steps}
    assert len(set(effects.effects)) == len(effects.effects)
    for key in effects.calls:
        assert key.removesuffix("/undo") in known, "nothing is done that was not written down before"
    for run in runs:
        for step in run.steps:
            done, undone = step.key in effects.calls, f"{step.key}/undo" in effects.calls
            if step.action != "hook":
                assert not done
            elif run.state is RunState.VERIFIED:
                assert (done, undone) == (True, False)
            elif done:
                assert undone, f"{step.key} was done, and {run.id} rolled back, but it was not undone"
            if step.id == "once":
                assert effects.calls[step.key] <= 1, "what may not be repeated is not"
