"""The gateway goes on when the control loop dies: no request notices, no attempt is lost."""

import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from foreroute.testing.fake_provider import Always, ProviderAnswer
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

PLAN_VALID_S = 600.0


def answers(first_chunk_s: float) -> Always:
    """Two seconds of stream: at any moment several are in flight."""
    chunks = ("All", " is", " well.")
    return Always(ProviderAnswer(time_to_first_chunk_s=first_chunk_s, seconds_per_chunk=1.0, chunks=chunks))


@dataclass(frozen=True)
class Seen:
    """One request as its user saw it."""

    sent_at: float
    ended_at: float
    whole: bool
    channel: str
    reason: str


class Users:
    """Stream, and keep what they saw."""

    def __init__(self, house: Any) -> None:
        self._house = house
        self.seen: list[Seen] = []

    async def one(self, number: int) -> None:
        house, sent_at = self._house, self._house.now()
        body = {
            "model": "chat",
            "stream": True,
            "messages": [{"role": "user", "content": f"{number}?"}],
        }
        async with house.http.post("v1/chat/completions", json=body) as response:
            text = await response.read()
            whole = response.status == 200 and text.endswith(b"data: [DONE]\n\n") and b'"error"' not in text
            channel, reason = (response.headers[f"x-foreroute-{name}"] for name in ("channel", "reason"))
        self.seen.append(Seen(sent_at, house.now(), whole, channel, reason))


def test_the_last_plan_serves_until_it_expires_and_then_the_configured_one(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        behaviours = {"slow": answers(1.5), "fast": answers(0.3), "faster": answers(0.2)}
        async with open_house(loop, behaviours, {"loop": {"fit_workers": 0}}) as house:
            control = await house.start_control("first")
            users = Users(house)
            died: list[float] = []

            def die() -> None:
                died.append(house.now())
                control.thread.kill()

            loop.call_at(390.5, die)  # the last tick was at second 360
            await at_pace(users.one, 600, 2.0)
            await control.end()
            plan = house.data.plans.current()
            configured = house.data.plans.configured

            assert not control.thread.alive
            assert control.ticks == 6
            assert plan.valid_until == control.plane.last_tick_at() + PLAN_VALID_S
            assert plan.routes["chat"].targets != configured.routes["chat"].targets

            assert all(one.whole for one in users.seen)
            assert any(one.sent_at < died[0] < one.ended_at for one in users.seen)
            living = [one for one in users.seen if died[0] < one.sent_at <= plan.valid_until]
            orphaned = [one for one in users.seen if one.sent_at > plan.valid_until]
            assert {one.reason for one in living} == {"health"}
            assert {one.reason for one in orphaned} == {"static"}
            assert share(living, "slow") < 0.15
            assert share(orphaned, "slow") > 0.25

            before = house.data.gateway.attempts_total
            counts = await house.count(control)
            assert before == 600
            assert counts.gateway == counts.rollups == counts.ledger == counts.successes == 600

    run_virtual(main)


def share(seen: list[Seen], channel: str) -> float:
    return sum(one.channel == channel for one in seen) / len(seen)


def test_what_the_gateway_recorded_after_the_death_is_stored_once(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(
            loop, {"a": answers(0.3), "b": answers(0.3)}, {"loop": {"fit_workers": 0}}
        ) as house:
            control = await house.start_control("first")
            users = Users(house)
            await at_pace(users.one, 45, 2.0)
            await control.end()
            await at_pace(users.one, 30, 2.0)
            first, again = await house.count(control), await house.count(control)
            assert first == again
            assert first.gateway == first.rollups == first.ledger == 75

    run_virtual(main)


def test_the_death_of_the_fit_worker_stops_neither_ticks_nor_requests(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        rhythm = {
            "loop": {"fit_workers": 1, "tick": "5s"},
            "forecast": {"models": ["smoothing"], "retrain": {"every": "1m"}},
        }
        async with open_house(loop, {"a": answers(0.3), "b": answers(0.3)}, rhythm) as house:
            control = await house.start_control("first")
            users = Users(house)
            killed: list[int] = []

            def kill() -> None:
                for worker in multiprocessing.active_children():
                    assert worker.pid is not None
                    os.kill(worker.pid, signal.SIGKILL)
                    worker.join()
                    killed.append(control.ticks)

            loop.call_at(750.5, kill)
            await at_pace(users.one, 500, 2.0)
            ticks = control.ticks
            assert killed == [150]
            assert ticks == 200
            assert control.plane.loop is not None
            assert control.plane.loop.board is not None
            assert control.plane.loop.board.stage_errors == {}
            assert control.plane.loop.board.findings.forecasts
            await control.end()
            counts = await house.count(control)

            assert all(one.whole for one in users.seen)
            assert counts.gateway == counts.rollups == counts.ledger == 500

    run_virtual(main)


PARENT = """
import os, sys
from foreroute.control.fits import process_pool
print(process_pool(1).submit(os.getpid).result(), flush=True)
sys.stdin.read()
"""


def test_a_process_that_is_killed_takes_its_fit_worker_along() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) != parent.pid
        parent.kill()
        parent.communicate(timeout=60.0)  # ends when nobody holds its stdout any more, the worker included
