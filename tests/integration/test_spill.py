"""Demand grows beyond what the nearest region takes: room is made before anybody is turned away."""

import asyncio
from collections import Counter, deque
from pathlib import Path
from typing import Any

import pytest

from foreroute.testing.fake_provider import ProviderAnswer, ProviderRequest
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

ROOM = 60
"""Requests a minute that each channel of the near region takes."""
MINUTES = 50
REGIONS = {"eu-1": "eu-west-1", "eu-2": "eu-west-1", "us-1": "us-east-1"}


class Quota:
    """Turns away what is more than its minute's worth."""

    def __init__(self, per_minute: int | None) -> None:
        self._per_minute = per_minute
        self._taken: deque[float] = deque()
        self.refused = 0

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        now = request.received_at
        while self._taken and self._taken[0] <= now - 60.0:
            self._taken.popleft()
        if self._per_minute is not None and len(self._taken) >= self._per_minute:
            self.refused += 1
            return ProviderAnswer(status=429, retry_after_s=2.0)
        self._taken.append(now)
        return ProviderAnswer(time_to_first_chunk_s=0.2)


def refusals(open_house: Any, folder: Path, autopilot: str) -> tuple[int, Counter[str], Counter[str]]:
    """How often the near region refused; the attempts of the first ten and of the last ten minutes, by channel."""
    quotas = {"eu-1": Quota(ROOM), "eu-2": Quota(ROOM), "us-1": Quota(None)}
    early: Counter[str] = Counter()
    late: Counter[str] = Counter()

    async def main(loop: VirtualTimeLoop) -> None:
        sections = {
            "autopilot": autopilot,
            "store": {"path": str(folder / f"{autopilot}.db")},
            "gateway": {"port": 0, "region": "eu-west-1"},
            "loop": {"fit_workers": 0},
            "routes": [
                {"model": "chat", "prefer": "nearest", "targets": [{"channel": name} for name in REGIONS]}
            ],
        }
        limits = {name: {"requests_per_minute": ROOM} for name in REGIONS if name.startswith("eu")}
        async with open_house(loop, quotas, sections, REGIONS, limits) as house:
            control = await house.start_control("spill")
            begun = loop.time()

            async def ask() -> None:
                body = {"model": "chat", "messages": [{"role": "user", "content": "Hello?"}]}
                async with house.http.post("v1/chat/completions", json=body) as answer:
                    await answer.read()
                    assert answer.status == 200
                    minute = (loop.time() - begun) / 60.0
                    counter = early if minute < 10 else late if minute >= MINUTES - 10 else Counter[str]()
                    counter[answer.headers["x-foreroute-channel"]] += 1

            async with asyncio.TaskGroup() as group:
                while (minute := (loop.time() - begun) / 60.0) < MINUTES:
                    group.create_task(ask())
                    await asyncio.sleep(60.0 / (60.0 + 2.4 * minute))  # from 60 to 180 a minute
            await control.end()

    run_virtual(main)
    return sum(quota.refused for quota in quotas.values()), early, late


@pytest.mark.slow
def test_room_is_made_before_anybody_is_turned_away(open_house: Any, tmp_path: Path) -> None:
    refused, early, late = refusals(open_house, tmp_path, "act")
    reactive, _, _ = refusals(open_house, tmp_path, "observe")
    assert early["us-1"] == 0, "while there is room, everybody is served near by"
    assert late["us-1"] > 0.2 * sum(late.values())
    assert reactive > 100, "without it the near region turns many away"
    assert refused < reactive / 10
