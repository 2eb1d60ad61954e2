"""Processes that run playbooks for as long as they are let: the real desk, store, engine and hooks, on a fast clock.

Arguments: the store, the address of the effects' server, the instant that the fast clock began. Each line on stdin
(`run`, or `drain`: no new runs, and an end when all are over) makes a process of its own; it is forked from this one,
which has all modules loaded and does nothing else. One second is ten minutes here.
"""

import asyncio
import importlib
import os
import sys
import time
from pathlib import Path

from tests.playbook_house import OUT, VERIFY, A, World, desk_of, hook, minute, playbook
from tests.playbook_house import B as PEER

from foreroute.app.playbook_actuator import HouseActuator
from foreroute.app.playbook_hooks import Hooks
from foreroute.app.playbook_probes import Probes
from foreroute.core.decision import Autopilot
from foreroute.core.findings import Findings
from foreroute.core.playbook_run import PlaybookRun
from foreroute.heal.playbooks.playbook import Playbook
from foreroute.monitor.fold import merge_rollups
from foreroute.settings.finding import HookSettings
from foreroute.store.sqlite import SqliteStore

SPEED = 600.0
LOOK_S = 0.02


class FastClock:
    def __init__(self, began: float) -> None:
        self._began = began

    def now(self) -> float:
        return 1_767_571_200.0 + (time.time() - self._began) * SPEED

    async def sleep_until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, (at - self.now()) / SPEED))


def the_playbook() -> Playbook:
    """Two hooks that may be called again and one that may not, around a bound."""
    steps = (
        hook("first", timeout_s=900.0),
        OUT,
        hook("once", timeout_s=900.0),
        hook("last", timeout_s=900.0),
    )
    return playbook("kill-me", *steps, cooldown_s=60.0, max_attempts=10_000, timeout_s=3600.0, verify=VERIFY)


def hooks(url: str) -> Hooks:
    def one(name: str, *, repeatable: bool) -> HookSettings:
        fields = {
            "name": name,
            "webhook_url": f"{url}/{name}",
            "undo_webhook_url": f"{url}/{name}/undo",
            "repeatable": repeatable,
            "per_hour_max": 1000,
        }
        return HookSettings.model_validate(fields)

    return Hooks([one("first", repeatable=True), one("once", repeatable=False), one("last", repeatable=True)])


def makes_it_worse(run: PlaybookRun) -> bool:
    """About every second run: follows from its name, so that every life of the process agrees."""
    return int(run.id[-4:], 16) % 2 == 0


async def main(path: Path, url: str, began: float, *, drain: bool) -> None:
    clock, store = FastClock(began), await SqliteStore.open(path, merge_rollups)
    actuator = HouseActuator(records=store.records, hooks=hooks(url), probes=Probes((), {}))
    desk = desk_of(
        the_playbook(), journal=store.playbook_runs, actuator=actuator, records=store.records, clock=clock
    )
    await desk.start()
    print("ready", flush=True)
    while True:
        at = clock.now()
        active = [run for run in desk.runs if not run.is_over]
        if drain and not active:
            break
        worse = any(makes_it_worse(run) for run in active)
        world = World(at=at, ill=not drain)
        window = at // 60.0 * 60.0
        rollups = [
            minute(window - 60.0 * back, name, ok=ok)
            for back in range(1, 11)
            for name, ok in ((A, 0.1), (PEER, 0.1 if worse else 1.0))
        ]
        findings = Findings(incidents=world.incidents)
        await desk.treat(window, rollups, findings, stage=Autopilot.ACT, is_halted=False)
        await asyncio.sleep(LOOK_S)
    await desk.settle()
    await store.close()


async def warm() -> None:
    """What is made at the first use is made before the first life."""
    desk, world = desk_of(playbook()), World(ill=True)
    world.step(2)
    await desk.treat(world.at, world.recent, world.findings(), stage=Autopilot.ACT, is_halted=False)
    assert await desk.history()


def serve() -> None:
    """One process after the other."""
    importlib.import_module("aiohttp")
    asyncio.run(warm())
    path, url, began = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(main(path, url, began, drain=line.strip() == "drain"))
            os._exit(0)
        print(f"pid {pid}", flush=True)
        _, status = os.waitpid(pid, 0)
        print(f"gone {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    serve()
